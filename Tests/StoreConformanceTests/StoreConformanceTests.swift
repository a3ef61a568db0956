import StoreBackends
import StoreConformance
import Testing

@Suite struct StoreConformanceTests {
    @Test(arguments: Backend.allCases + [.pooled], StoreCase.all)
    func keepsItsPromise(_ backend: Backend, _ promise: StoreCase) async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        try await promise.run(on: backend.harness(in: folder))
    }

    @Test func everyPromiseHasANameOfItsOwn() {
        let names = StoreCase.all.map(\.name)
        #expect(Set(names).count == names.count)
    }
}
