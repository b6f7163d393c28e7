import PosixIO
import Testing

@Suite("Networks of addresses")
struct AddressRangeTests {
    private func address(_ host: String) throws -> SocketAddress {
        try #require(try SocketAddress.resolve(host: host, port: 1).first)
    }

    @Test(
        "RFC 4632: the leading bits count",
        arguments: [
            ("127.0.0.0/8", "127.255.255.255", true), ("127.0.0.0/8", "128.0.0.0", false),
            ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.6", false), ("192.0.2.7/32", "192.0.2.7", true),
            ("10.1.2.3/8", "10.9.9.9", true), ("192.0.2.128/25", "192.0.2.127", false),
            ("192.0.2.128/25", "192.0.2.200", true), ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::1", "::1", true), ("::1", "::2", false), ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false), ("2001:db8::/65", "2001:db8::7fff:0:0:0", true),
            ("2001:db8::/65", "2001:db8:0:0:8000::", false), ("::/0", "2001:db8::1", true),
            // How a socket for both kinds tells of an IPv4 peer.
            ("127.0.0.0/8", "::ffff:127.0.0.1", true), ("::ffff:127.0.0.0/104", "127.0.0.1", true),
            ("::/0", "127.0.0.1", true),
            ("127.0.0.0/8", "::7f00:1", false),
        ])
    func contains(_ range: String, _ host: String, _ isWithin: Bool) throws {
        #expect(try #require(AddressRange(range)).contains(try address(host)) == isWithin)
    }

    @Test("a Unix address is in no network")
    func unix() throws {
        #expect(try #require(AddressRange("::/0")).contains(try SocketAddress(unixPath: "/x")) == false)
    }
}
