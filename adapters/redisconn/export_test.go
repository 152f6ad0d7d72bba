package redisconn

import "time"

// ReadAhead has handlers always called by another goroutine than the one that reads.
func (c *Conn) ReadAhead() {
	c.inbox.mu.Lock()
	defer c.inbox.mu.Unlock()
	c.inbox.last, c.inbox.calm = time.Now(), time.Hour
}

// Calm sets how long the last message must be past for the next one to be handled by the goroutine that reads.
func (c *Conn) Calm(d time.Duration) {
	c.inbox.mu.Lock()
	defer c.inbox.mu.Unlock()
	c.inbox.calm = d
}
