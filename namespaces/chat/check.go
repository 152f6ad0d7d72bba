package chat

import "parley/namespaces/event"

// name checks a field that must be there and is a name or an id.
func (c *Chat) name(field, value string) error { return event.Name(field, value, c.opts.NameBytes) }

// short checks the length of a name or an id that may be left out.
func (c *Chat) short(field, value string) error { return event.Short(field, value, c.opts.NameBytes) }

// content checks what a user has written.
func (c *Chat) content(text string) error { return event.Content(text, c.opts.Content) }
