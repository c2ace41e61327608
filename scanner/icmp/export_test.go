package icmp

// What tests of the decoder need.

func DecodeReply4(packet []byte) ([]byte, bool) { return decodeReply(v4, packet) }
func DecodeReply6(packet []byte) ([]byte, bool) { return decodeReply(v6, packet) }

func DecodeStamp(packet []byte) ([]byte, bool) { return decodeReply(v4time, packet) }
