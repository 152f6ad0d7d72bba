package replay

import "time"

// lostRooms bounds the rooms that are remembered for having lost an event. Past it
// everybody counts as having missed one.
const lostRooms = 16 << 10

// lost remembers, by room, up to which place events were dropped before their
// time. A client that has received later ones, or is in none of the rooms, misses
// nothing, however long ago its last event was. Of two generations the older one
// is forgotten when the events noted there would have been too old anyway.
type lost struct {
	now, before losses
	begun       time.Time // of now
}

type losses struct {
	all   uint64 // in every room
	rooms map[string]uint64
}

// turn begins a new generation when it is time.
func (l *lost) turn(now time.Time, age time.Duration) {
	if now.Sub(l.begun) > age {
		l.before, l.now, l.begun = l.now, losses{}, now
	}
}

// noteAll notes a loss that may concern any room.
func (l *lost) noteAll(seq uint64, now time.Time, age time.Duration) {
	l.turn(now, age)
	l.now.all = seq
}

func (l *lost) note(r *record, now time.Time, age time.Duration) {
	l.turn(now, age)
	to := r.event.Rooms
	if len(to) == 0 || len(l.now.rooms)+len(to) > lostRooms {
		l.now.all = r.seq
		return
	}
	if l.now.rooms == nil {
		l.now.rooms = make(map[string]uint64)
	}
	for _, room := range to {
		l.now.rooms[room] = r.seq
	}
}

// after reports whether something may have been dropped behind seq that was for
// one of the rooms.
func (l *lost) after(seq uint64, rooms stays) bool {
	return l.now.after(seq, rooms) || l.before.after(seq, rooms)
}

func (l *losses) after(seq uint64, rooms stays) bool {
	if l.all > seq {
		return true
	}
	for room := range rooms {
		if l.rooms[room] > seq {
			return true
		}
	}
	return false
}
