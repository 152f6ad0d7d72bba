package redisconn

import "strings"

const slots = 16384

// clusterLanes is how many queues a cluster's commands are spread over, each for an equal run of slots, so that a master that is away holds
// up few others.
const clusterLanes = 16

// slot is the slot of a key or channel, as in the Redis Cluster specification, "Key distribution model" and "Hash tags".
func slot(key string) int {
	if _, tag, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(tag, "}"); ok && tag != "" {
			key = tag
		}
	}
	var crc uint16 // CRC-16/XMODEM
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % slots
}

// lane is the queue of a pin.
func (c *Conn) lane(pin string) *lane {
	if len(c.lanes) == 1 {
		return &c.lanes[0]
	}
	return &c.lanes[slot(pin)*len(c.lanes)/slots]
}
