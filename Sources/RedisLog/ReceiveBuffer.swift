import Codecs

/// Where a link receives, one pair of buffers for all that it ever gets.
final class ReceiveBuffer {
    /// What came from the socket. SAFETY: owned by this object, freed in deinit, never kept by those who use it.
    let received = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    /// What TLS makes of it; empty without TLS. SAFETY: as `received`.
    let plaintext: UnsafeMutableRawBufferPointer

    init(hasTLS: Bool) {
        plaintext = .allocate(byteCount: hasTLS ? received.count + TLSSession.recordBytesMax : 0, alignment: 16)
    }

    deinit {
        received.deallocate()
        plaintext.deallocate()
    }
}
