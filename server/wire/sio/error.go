package sio

// ParseError says why a text is not a packet. Its reason is one of a fixed set of texts
// and holds nothing of the input, so it is safe to log and to count by.
type ParseError struct{ Reason string }

func (e *ParseError) Error() string { return "socket.io: " + e.Reason }

var (
	errUTF8         = &ParseError{"packet is not valid UTF-8"}
	errType         = &ParseError{"unknown packet type"}
	errCount        = &ParseError{"attachment count is not a positive integer followed by '-'"}
	errAttachments  = &ParseError{"more attachments than Limits.Attachments allows"}
	errNamespace    = &ParseError{"namespace is longer than Limits.Namespace allows"}
	errID           = &ParseError{"packet id is larger than 2^53-1"}
	errSyntax       = &ParseError{"payload is not valid JSON"}
	errDepth        = &ParseError{"payload is nested deeper than Limits.Depth allows"}
	errShape        = &ParseError{"payload does not fit the packet type"}
	errNameMissing  = &ParseError{"event does not begin with a name"}
	errNameLong     = &ParseError{"event name is longer than Limits.EventName allows"}
	errNameReserved = &ParseError{"event name is reserved"}
	errPlaceholder  = &ParseError{"placeholder does not name an announced attachment"}
)
