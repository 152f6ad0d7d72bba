// Package event is what the namespaces of the application share: how the payload
// of an event is taken, what clients read where it is refused, and ids and
// timestamps.
package event
