import Testing

@testable import WebSocketProtocol

@Suite struct CloseHandshakeTests {
    @Test("RFC 6455 §7.1.1: the server ends the transport when both Close frames passed")
    func serverStarts() {
        var handshake = CloseHandshake(role: .server)
        #expect(handshake.maySendData)
        #expect(handshake.sendClose(.goingAway) == .sendClose(.goingAway))
        #expect(!handshake.maySendData)
        #expect(handshake.sendClose(.goingAway) == .none)
        #expect(handshake.closeCode == nil)
        #expect(handshake.receivedClose(.goingAway) == .closeTransport)
        #expect(handshake.closeCode == .goingAway)
        #expect(handshake.transportClosed() == .none)
    }

    @Test("RFC 6455 §5.5.1: a server answers with the peer's code and ends the transport")
    func peerStarts() {
        for code in [CloseCode.normalClosure, .tooSlow, nil] {
            var handshake = CloseHandshake(role: .server)
            #expect(handshake.receivedClose(code) == .sendCloseThenCloseTransport(code))
            #expect(handshake.closeCode == code ?? .noStatusReceived)
            #expect(handshake.receivedClose(code) == .none)
            #expect(handshake.sendClose(.normalClosure) == .none)
        }
    }

    @Test("RFC 6455 §7.1.1: a client answers and leaves the end of the transport to the server")
    func clientAnswers() {
        var handshake = CloseHandshake(role: .client)
        #expect(handshake.receivedClose(.serviceRestart) == .sendClose(.serviceRestart))
        #expect(handshake.transportClosed() == .closeTransport)
        #expect(handshake.closeCode == .serviceRestart)
    }

    @Test("RFC 6455 §7.1.1: a client that started waits for the server, then for its deadline")
    func clientStarts() {
        var handshake = CloseHandshake(role: .client)
        #expect(handshake.sendClose(.normalClosure) == .sendClose(.normalClosure))
        #expect(handshake.receivedClose(.normalClosure) == .none)
        #expect(handshake.deadlinePassed() == .closeTransport)
        #expect(handshake.closeCode == .normalClosure)
        #expect(handshake.deadlinePassed() == .none)
    }

    @Test("RFC 6455 §7.1.5: without a Close frame from the peer the code is 1006")
    func abnormal() {
        var lost = CloseHandshake(role: .server)
        #expect(lost.transportClosed() == .closeTransport)
        #expect(lost.closeCode == .abnormalClosure)
        var silent = CloseHandshake(role: .server)
        #expect(silent.deadlinePassed() == .none)
        #expect(silent.sendClose(.policyViolation) == .sendClose(.policyViolation))
        #expect(silent.deadlinePassed() == .closeTransport)
        #expect(silent.closeCode == .abnormalClosure)
    }

    @Test("RFC 6455 §7.1.7: a failed connection is told why once, then ended")
    func failure() {
        var handshake = CloseHandshake(role: .server)
        #expect(handshake.fail(.protocolError) == .sendCloseThenCloseTransport(.protocolError))
        #expect(handshake.fail(.protocolError) == .none)
        var closing = CloseHandshake(role: .server)
        _ = closing.sendClose(.goingAway)
        #expect(closing.fail(.invalidPayload) == .closeTransport)
    }

    @Test("RFC 6455 §7.4: the codes of the registry and nothing else may be sent")
    func codes() {
        let assigned: Set<UInt16> = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
        for code: UInt16 in 0..<3000 {
            #expect(CloseCode(rawValue: code).isAllowedOnTheWire == assigned.contains(code))
        }
        for code: UInt16 in [3000, 3999, 4000, 4001, 4999] { #expect(CloseCode(rawValue: code).isAllowedOnTheWire) }
        for code: UInt16 in [5000, 65535] { #expect(!CloseCode(rawValue: code).isAllowedOnTheWire) }
    }

    @Test("every frame error has a code that may be sent and a reason that fits")
    func errors() {
        let errors: [(FrameError, UInt16)] = [
            (.reservedBits, 1002), (.reservedOpcode(3), 1002), (.unmaskedFrame, 1002), (.maskedFrame, 1002),
            (.nonMinimalLength, 1002), (.lengthOutOfRange, 1002), (.fragmentedControlFrame, 1002),
            (.oversizedControlFrame, 1002), (.unexpectedContinuation, 1002), (.expectedContinuation, 1002),
            (.truncatedCloseCode, 1002), (.forbiddenCloseCode(1005), 1002), (.invalidUTF8, 1007),
            (.corruptCompressedData, 1007), (.messageTooLarge, 1009),
            (.frameTooLarge, 1009), (.tooManyFragments, 1008),
        ]
        for (error, code) in errors {
            #expect(error.closeCode.rawValue == code)
            #expect(
                FrameEncoder.closePayload(error.closeCode, reason: error.reason).count == 2 + error.reason.utf8.count)
        }
    }
}
