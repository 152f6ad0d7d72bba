package sio

import "strconv"

// Append appends the text form of p to dst.
func (p Packet) Append(dst []byte) []byte {
	dst = AppendHeader(dst, p.Type, p.Attachments, p.Namespace, p.ID)
	return append(dst, p.Data...)
}

// AppendHeader appends what stands before the payload of a packet. The count of attachments is written for
// binary types only, the namespace unless it is empty or the main one, the id unless it is negative.
// The namespace must start with '/' and hold no comma.
func AppendHeader(dst []byte, t Type, attachments int, namespace string, id int64) []byte {
	dst = append(dst, '0'+byte(t))
	if t.Binary() {
		dst = strconv.AppendInt(dst, int64(attachments), 10)
		dst = append(dst, '-')
	}
	if namespace != "" && namespace != MainNamespace {
		dst = append(dst, namespace...)
		dst = append(dst, ',')
	}
	if id >= 0 {
		dst = strconv.AppendInt(dst, id, 10)
	}
	return dst
}
