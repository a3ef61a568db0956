import Signing
import Testing

@Suite struct SigningTests {
    @Test func hashesTheVectorOfFIPS180() {
        #expect(Hex.encode(SHA256.digest(Array("abc".utf8))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func authenticatesTheSecondCaseOfRFC4231() {
        let key = HMACSHA256(key: Array("Jefe".utf8))
        let code = key.code(for: Array("what do ya want ".utf8), Array("for nothing?".utf8))
        #expect(Hex.encode(code) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(key.isValid(code, for: Array("what do ya want for nothing?".utf8)))
        #expect(!key.isValid(code, for: Array("what do ya want for nothing!".utf8)))
    }

    @Test func aKeyShowsNothingOfItself() {
        let key = HMACSHA256(key: Array("Jefe".utf8))
        var dumped = ""
        dump(key, to: &dumped)
        #expect(["\(key)", String(reflecting: key), dumped].allSatisfy { !$0.contains("SHA256state") && !$0.contains("h:") })
        #expect(Mirror(reflecting: key).children.isEmpty)
    }

    @Test func makesTheUUIDOfRFC9562() {
        #expect(Hex.encode(UUIDv5.make(namespace: UUIDv5.dns, name: Array("www.example.com".utf8))) == "2ed6657de927568b95e12665a8aea6a2")
    }

    @Test func opensWhatItSealedAndNothingElse() throws {
        let old = Keyring.makeLine(id: "old")
        let ring = try Keyring(parsing: old)
        let sealed = ring.seal(Array("secret".utf8), associatedData: [1])
        let rotated = try Keyring(parsing: Keyring.makeLine(id: "new") + "\n" + old)
        #expect(try rotated.open(sealed, associatedData: [1]) == Array("secret".utf8))
        #expect(try rotated.isStale(sealed))
        #expect(throws: OpenError.notAuthentic) { try ring.open(sealed, associatedData: [2]) }
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(throws: OpenError.self) { try ring.open(changed, associatedData: [1]) }
        }
    }

    @Test func namesEveryFaultyLine() {
        let error = #expect(throws: KeyringError.self) { try Keyring(parsing: "a AAAA\nb\n\(Keyring.makeLine(id: "c"))\nd/ x") }
        #expect(error?.lines.map(\.number) == [1, 2, 4])
    }

    @Test func verifiesTheFirstSignatureOfRFC8032() throws {
        let key = try #require(Hex.decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
        let signature = try #require(
            Hex.decode(
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ))
        #expect(Ed25519.isValid(signature, for: [], publicKey: key))
        #expect(!Ed25519.isValid(signature, for: [0], publicKey: key))
    }
}
