package sio

// Limits bounds what Parse accepts. Zero and less mean the value of DefaultLimits, never "unlimited".
type Limits struct {
	Attachments int // attachments of one packet
	Depth       int // arrays and objects inside each other, the payload's own included; at most MaxDepth
	Namespace   int // bytes of a namespace
	EventName   int // bytes of an event's name, unescaped
}

// DefaultLimits are the limits in force when others are not given. Not to be changed.
var DefaultLimits = Limits{Attachments: 10, Depth: 64, Namespace: 255, EventName: 128}

// MaxDepth caps Limits.Depth: the parser needs stack for each level.
const MaxDepth = 10_000

// MaxID is the largest id that is exact in JavaScript.
const MaxID = 1<<53 - 1

// WithDefaults returns the limits with what is not set filled in.
func (l Limits) WithDefaults() Limits {
	if l.Attachments <= 0 {
		l.Attachments = DefaultLimits.Attachments
	}
	if l.Depth <= 0 {
		l.Depth = DefaultLimits.Depth
	}
	l.Depth = min(l.Depth, MaxDepth)
	if l.Namespace <= 0 {
		l.Namespace = DefaultLimits.Namespace
	}
	if l.EventName <= 0 {
		l.EventName = DefaultLimits.EventName
	}
	return l
}
