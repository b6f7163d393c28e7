import Corpora

extension Seeds {
    // MARK: JSON

    static var documents: [[UInt8]] {
        let accepted = [
            "null", " true ", "false", "0", "-0", "-1.5e+10", "1E400", #""""#,
            #""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00""#,
            "\"\u{C3}\u{A9}\u{E2}\u{82}\u{AC}\u{F0}\u{9F}\u{98}\u{80}\"", "[]", "{}", "[1, [2, [3]]]",
            #"{"a":1,"b":{"a":2},"c":[{}]}"#, #"{"a":1,"\u0062":2,"bb":3}"#, "[\n\t\r 1 ]",
            "{" + (0..<18).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}",
            String(repeating: "[", count: 32) + String(repeating: "]", count: 32),
            "\"eight bytes and more of plain text\"",
        ]
        let refused = [
            "", " ", "nul", "NaN", "-", "01", "1.", ".1", "1e", "+1", "\"", "\"\\x\"", #""\uD800""#,
            #""\uDC00\uD800""#,
            #""\uD83D\u0041""#, "\"\u{C0}\u{80}\"", "\"\u{ED}\u{A0}\u{80}\"", "\"\u{F4}\u{90}\u{80}\u{80}\"",
            "\"\u{1}\"",
            "[1,]", "[1 2]", "{,}", #"{"a"}"#, #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, "{a:1}", "1 2",
            "\u{EF}\u{BB}\u{BF}1",
            "\u{FF}\u{FE}1\u{0}", "\u{0}1", String(repeating: "[", count: 33) + String(repeating: "]", count: 33), "[",
            "{" + (0..<18).map { "\"k\($0 % 17)\":\($0)" }.joined(separator: ",") + "}",
        ]
        let messages = [
            #"{"type":"ping"}"#,
            #"{"type":"filter","min_severity":"HIGH","threat_type":["a","b"],"customer_name":"c"}"#,
            #"{"type":"filter","min_severity":1}"#, #"{"type":"filter","severity":"HIGH"}"#,
            #"{"type":"filter","threat_type":"A"}"#,
            "{\"a\":1}\n\n{\"b\":2}\r\nnot json", #"[{"a":1,"a":2},3,"x"]"#, "[1,2,3,4,5,6,7,8,9]",
        ]
        let texts = (accepted + refused + messages).map(octets)
        let said = ThreatMessageCorpus.all.map { Array($0.text.utf8) }
        return texts + said + JSONCorpus.all.map(\.text) + ThreatBatchCorpus.all.map(\.body)
    }

    static var threats: [[UInt8]] {
        let members = [
            #""severity":"high""#, #""severity":"LOW""#, #""id":"t-1""#, #""customer_name":"Caf\u00e9""#,
            #""customer_name":"""#,
            #""title":"t","summary":"s","source":"x""#, #""timestamp":"2026-01-02T03:04:05.678+01:00""#,
            #""timestamp":"2016-12-31T23:59:60Z""#, #""mitre_techniques":["T1059","T1059.001"]"#,
            #""indicators":[{"type":"ip","value":"1.2.3.4","n":1}]"#, #""metadata":{"a":[1, 2 ,{ "b" : null }]}"#,
            #""extra":1e400,"more":[ ]"#, #""\u0073everity":"low""#,
        ]
        let broken = [
            #""severity":"WORST""#, #""id":"-""#, #""customer_name":1"#, #""timestamp":"yesterday""#,
            #""mitre_techniques":["T1"]"#,
            #""mitre_techniques":{}"#, #""indicators":[{"type":1},2]"#, #""metadata":[]"#, #""seq":1,"cursor":"1-1""#,
            #""triage":{},"received_at":"","received_by":"""#,
        ]
        let whole = [
            #"{"threat_type":"bot_attack"}"#, "{ \"threat_type\" :\t\"a\" , \"x\": [ 1 , 2 ] }", "{}", "[]", "1",
            #"{"scenario":"crypto_surge"}"#, #"{"scenario":"nothing"}"#,
            #"{"scenario":"bot_attack","threat_type":"a"}"#,
            #"{"threat_type":"BAD"}"#, #"{"threat_type":null}"#, #"{"threat_typ\u0065":"a"}"#,
        ]
        let threats = (whole + (members + broken).map { "{\"threat_type\":\"a\",\($0)}" }).map(octets)
        return threats + ThreatCorpus.all.map(\.body)
    }

    // MARK: Texts

    static var queries: [[UInt8]] {
        let texts = [
            "after=1767323045000-42&history=20", "min_severity=HIGH&threat_type=a,b&customer_name=Acme%2C+Inc",
            "threat_type=a&threat_type=b", "min_severity=LOW&min_severity=HIGH", "min_severity=worst", "a=%C3%A9",
            "a=%C3", "a=%4",
            "a=%zz", "&&a&=b&c==", "0-0", "18446744073709551615-18446744073709551615", "18446744073709551616-1",
            "01-2", "1-", "-1-2",
            "2026-01-02T03:04:05.678Z", "2026-01-02t03:04:05z", "2024-02-29T23:59:59.123456+23:59",
            "2016-12-31T23:59:60Z",
            "0000-01-01T00:00:00-00:01", "9999-12-31T23:59:59-23:59", "2023-02-29T00:00:00Z",
            "redis://user:pass%40word@host:6380/2",
            "redis://[::1]:6379", "redis://:secret@h", "unix:///tmp/redis.sock?db=1", "rediss://h", "redis://h:0",
            "http://h",
        ]
        let times = ThreatTimestampCorpus.accepted + ThreatTimestampCorpus.refused
        let origins = OriginCorpus.all.map(\.origin)
        return texts.map(octets) + (times + origins + ThreatQueryCorpus.all.map(\.query)).map { Array($0.utf8) }
    }

    // MARK: Redis

    static var replies: [[UInt8]] {
        let entry = "*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nt\r\n$\(record.utf8.count)\r\n\(record)\r\n"
        let feed = "\(identity) 1 2 \(record.utf8.count)\n\(record)"
        return [
            "+OK\r\n", "-NOSCRIPT No matching script.\r\n", "-ERR\r\n", ":1\r\n:-9223372036854775808\r\n",
            "$5\r\nhello\r\n",
            "$0\r\n\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "*2\r\n:1\r\n*1\r\n+x\r\n", "*1\r\n" + entry,
            "*5\r\n$1\r\n1\r\n$1\r\n2\r\n$3\r\n1-0\r\n$3\r\n0-0\r\n*1\r\n" + entry, "*2\r\n$1\r\n1\r\n:7\r\n",
            "*2\r\n$1\r\n1\r\n*2\r\n$3\r\n1-1\r\n$\(record.utf8.count)\r\n\(record)\r\n",
            "*2\r\n$4\r\nLOST\r\n$3\r\n1-1\r\n",
            "*3\r\n$7\r\nmessage\r\n$1\r\nf\r\n$\(feed.utf8.count)\r\n\(feed)\r\n",
            "*6\r\n:1\r\n:2\r\n+1-0\r\n+0-0\r\n:5\r\n*2\r\n+1 a\r\n+3\r\n",
            "$99999999999\r\n", ":12x\r\n", "?\r\n",
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n+deep\r\n", "$3\r\nab",
        ].map(octets)
    }

    static var records: [[UInt8]] {
        let named = #"t:2 00112233445566778899aabbccddeeff -5 12 4 bot Caf\u00e9"id":"t:2"}"#
        let count = record.utf8.count
        return [
            record, named, "2 bot", "0 a Name of a customer", "00112233445566778899aabbccddeeff",
            "1767323045000 42 \(count)\n\(record)", "1 2 \(count) \(count)\n\(record)\(record)",
            "1 18446744073709551615 1 1\nab",
            "1 2 99999\nx", "1 2\n", "+1 02 \(count)\n\(record)", identity,
            "\(identity) 1 2 \(count) \(count)\n\(record)\(record)", "\(identity) 1 2 1\n", "\(identity)0 1 2 1\nx",
        ].map(octets)
    }

    private static let identity = "00112233445566ff@10"
    private static let record =
        #"t-1 00112233445566778899aabbccddeeff 1767323045678 6 3 bot1"id":"t-1","threat_type":"bot1"}"#
}
