import AdapterKit
import GatewayModel
import GatewayRuntime
import GatewayTestKit
import Testing

/// Organizations and keys, made by the command line alone.
@Suite struct AdministrationTests {
    private let store = InMemoryStore()
    private let clock = ManualClock()
    private let id = OrganizationID.make()

    private func run(_ command: Administration.Command) async -> Administration.Answer {
        await Administration(store: store, clock: clock).run(command)
    }

    @Test func anOrganizationIsMadeOnceAndSeeded() async throws {
        let create = Administration.Command.createOrganization(id: id, name: "Dak BV", locale: "nl-NL", isSeeded: true)
        #expect(await run(create) == .done(["\(id)"]))
        #expect(await run(create) == .refused("organization \(id) exists already"))
        #expect(try await store.workflowSet(id).workflows.map(\.workflowKey) == ["default"])
        #expect(await run(.listOrganizations) == .done(["\(id)  Dak BV"]))
        let bare = OrganizationID.make()
        _ = await run(.createOrganization(id: bare, name: "B", locale: nil, isSeeded: false))
        #expect(try await store.workflowSet(bare).workflows.isEmpty)
        for name in ["", " ", "a\nb", String(repeating: "n", count: 161)] {
            #expect(await run(.createOrganization(id: .make(), name: name, locale: nil, isSeeded: false)).fault != nil)
        }
        let audit = try await store.audit(AuditQuery(organizationID: id)).elements
        #expect(audit.map(\.action) == ["organizations.create"] && audit.map(\.actor) == ["cli"])
    }

    @Test func aKeysTokenIsToldOnceAndKeptAsItsDigest() async throws {
        let answer = await run(.createKey(organizationID: id, name: "quote system", role: "quotes"))
        let token = try #require(answer.output.first)
        #expect(answer.output.count == 1 && token.count > 40)
        let key = try #require(try await store.keys().first)
        #expect(key.tokenHash.count == 32 && !key.name.contains(token))
        #expect(try await Administration(store: store, clock: clock).opens(token))
        #expect(try await store.workflowSet(id).workflows.count == 1, "a new organization comes to be with its workflows")
        #expect(try await store.organization(id)?.name == "", "a key's name is no name for customers")
        #expect(await run(.listOrganizations) == .done(["\(id)  -"]))
        let listed = await run(.listKeys)
        #expect(listed.output.count == 1 && listed.output[0].hasPrefix("\(key.id)  quotes  \(id)  active  quote system"))
        #expect(await run(.revokeKey(key.id)) == .done(["revoked"]))
        #expect(await run(.revokeKey(key.id)) == .refused("there is no active key \(key.id)"))
        #expect(try await !Administration(store: store, clock: clock).opens(token))
        let actions = try await store.audit(AuditQuery()).elements.map(\.action)
        #expect(Set(actions) == ["organizations.create", "keys.create", "keys.revoke"])
    }

    @Test func anOrganizationThatComesToBeByItsFirstKeyMayBeNamed() async throws {
        let nameless = await run(.createKey(organizationID: id, name: "k", role: "admin"))
        #expect(nameless.fault == nil && nameless.note?.contains("has no name") == true)
        #expect(await run(.createKey(organizationID: id, name: "k", role: "admin")).note == nil, "it is not new any more")
        let named = OrganizationID.make()
        func create(_ organizationName: String) async -> Administration.Answer {
            await run(.createKey(organizationID: named, organizationName: organizationName, name: "k", role: "admin"))
        }
        #expect(await create(" ").fault != nil)
        #expect(try await store.organization(named) == nil, "nothing was made")
        let answer = await create("Dak BV")
        #expect(answer.fault == nil && answer.note == nil)
        #expect(try await store.organization(named)?.name == "Dak BV")
        #expect(await create("Dak BV").fault == nil)
        #expect(await create("Gevel BV").fault == "organization \(named) exists already, with another name")
        #expect(await run(.createKey(organizationID: nil, organizationName: "N", name: "k", role: "operator")).fault != nil)
    }

    @Test func aLocaleIsALanguageAndPerhapsARegion() async throws {
        for locale in ["nl", "nl-NL", "en_GB", "zh-Hant-TW"] {
            let create = Administration.Command.createOrganization(id: .make(), name: "N", locale: locale, isSeeded: false)
            #expect(await run(create).fault == nil, "\(locale)")
        }
        for locale in ["", "n", "dutch", "nl-", "nl-N", "nl NL", "12", "nl-NL-"] {
            let create = Administration.Command.createOrganization(id: .make(), name: "N", locale: locale, isSeeded: false)
            #expect(await run(create).fault == "a locale is a language and perhaps a region, such as nl-NL", "\(locale)")
        }
    }

    @Test func operatorsBelongToNobody() async throws {
        #expect(await run(.createKey(organizationID: nil, name: "ops", role: "operator")).fault == nil)
        #expect(await run(.createKey(organizationID: id, name: "ops", role: "operator")).fault != nil)
        #expect(await run(.createKey(organizationID: nil, name: "a", role: "admin")).fault == "a key with role admin needs --organization")
        #expect(
            await run(.createKey(organizationID: id, name: "a", role: "root")).fault?.hasPrefix("the role must be one of admin, ") == true)
        #expect(try await store.organizations().isEmpty, "what is refused makes nothing")
    }
}
