package socketio

// A RoomChange says what has happened to a room, in the words of the reference server.
type RoomChange string

// The changes of rooms. A room is created by the first socket that joins it and deleted
// with the last that leaves.
const (
	RoomCreated RoomChange = "create-room"
	RoomJoined  RoomChange = "join-room"
	RoomLeft    RoomChange = "leave-room"
	RoomDeleted RoomChange = "delete-room"
)

// OnRoomChange adds a hook for what happens to the rooms of this server; s is the
// socket that joins or leaves. The rooms that stand for the ids of sockets are left
// out. The hook gets the changes of a namespace one by one, in their order, before the
// call that caused them returns; until it returns no other socket joins or leaves, but
// for those that recover, so it must not block, nor itself join or leave.
func (ns *Namespace) OnRoomChange(hook func(change RoomChange, room string, s *Socket)) {
	ns.hook(func(h *hooks) { h.rooms = appended(h.rooms, hook) })
}

// changes are those of a namespace that its hooks have not been told of.
type changes struct {
	wanted bool // by a hook
	list   []roomChange
}

type roomChange struct {
	what   RoomChange
	room   string
	socket *Socket
}

// watched reports whether a hook wants to know of changes.
func watched(chain [2]*hooks) bool { return len(chain[0].rooms)+len(chain[1].rooms) > 0 }

// lockRooms locks the membership of sockets for a change, and unlockRooms tells the
// hooks what has changed.
func (ns *Namespace) lockRooms() (told [2]*hooks) {
	told = ns.chain()
	if watched(told) {
		ns.telling.Lock()
	}
	ns.mu.Lock()
	ns.changes.wanted = watched(told)
	return told
}

func (ns *Namespace) unlockRooms(told [2]*hooks) {
	list := ns.changes.list
	ns.changes = changes{}
	ns.mu.Unlock()
	if !watched(told) {
		return
	}
	defer ns.telling.Unlock()
	for _, c := range list {
		for _, h := range told {
			for _, hook := range h.rooms {
				c.socket.guard(func() { hook(c.what, c.room, c.socket) })
			}
		}
	}
}

// tellRooms tells the hooks of what has changed while those who hold other locks could not.
func (ns *Namespace) tellRooms() { ns.unlockRooms(ns.lockRooms()) }

// note remembers a change for the hooks. The caller holds ns.mu.
func (ns *Namespace) note(what RoomChange, room string, s *Socket) {
	if ns.changes.wanted {
		ns.changes.list = append(ns.changes.list, roomChange{what, room, s})
	}
}
