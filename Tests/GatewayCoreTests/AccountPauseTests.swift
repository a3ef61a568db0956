import AdapterKit
import Testing

@testable import GatewayCore

@Suite struct AccountPauseTests {
    private let start = Timestamp(seconds: 1_000_000)

    @Test func probesComeAtDoublingWaits() {
        var pause = AccountPause(CircuitPolicy())
        #expect(pause.fault(at: start) == true)
        #expect(pause.fault(at: start) == false, "others that were under way say nothing new")
        var now = start
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            #expect(pause.probeAt == now + .seconds(wait))
            #expect(pause.beginProbe(at: now) == false)
            now = now + .seconds(wait)
            #expect(pause.beginProbe(at: now) == true)
            #expect(pause.beginProbe(at: now) == false, "one at a time")
            #expect(pause.fault(at: now) == false)
            #expect(pause.probed(canSend: false, at: now) == false)
        }
    }

    @Test func aProbeIsBelievedOnceADeliveryHasGoneThrough() {
        var pause = AccountPause(CircuitPolicy())
        var now = start
        _ = pause.fault(at: now)
        for wait in [1, 2, 4, 8] {
            #expect(pause.probeAt == now + .seconds(wait))
            now = now + .seconds(wait)
            #expect(pause.beginProbe(at: now) == true)
            #expect(pause.probed(canSend: true, at: now) == true)
            #expect(pause.state == .trial && pause.probeAt == nil)
            // The probe went well, and sending did not.
            #expect(pause.fault(at: now) == true)
        }
        now = now + .seconds(16)
        #expect(pause.beginProbe(at: now) == true)
        #expect(pause.probed(canSend: true, at: now) == true)
        #expect(pause.passed() == true)
        #expect(pause.state == .none)
        #expect(pause.fault(at: now) == true, "waits begin anew")
        #expect(pause.probeAt == now + .seconds(1), "waits begin anew")
    }

    @Test func onlyAnAwaitedProbeCounts() {
        var pause = AccountPause(CircuitPolicy())
        #expect(pause.probed(canSend: true, at: start) == false)
        #expect(pause.state == .none)
        _ = pause.fault(at: start)
        #expect(pause.probed(canSend: true, at: start) == false)
        #expect(pause.passed() == false)
        #expect(pause.state == .paused(until: start + .seconds(1)), "what began before the pause ends no pause")
    }
}
