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
// call that caused them returns; until it returns no other socket joins or leaves,
// so it must not block, nor itself join or leave.
func (ns *Namespace) OnRoomChange(hook func(change RoomChange, room string, s *Socket)) {
	ns.hook(func(h *hooks) { h.rooms = appended(h.rooms, hook) })
}

// changes are those of a namespace that its hooks have not been told of.
type changes []roomChange

type roomChange struct {
	what   RoomChange
	room   string
	socket *Socket
}

// lockRooms locks the membership of sockets for a change, and unlockRooms tells the
// hooks what has changed.
func (ns *Namespace) lockRooms() (told [2]*hooks) {
	told = ns.chain()
	if len(told[0].rooms)+len(told[1].rooms) == 0 {
		ns.mu.Lock()
		return told
	}
	ns.telling.Lock()
	ns.mu.Lock()
	ns.changes = new(changes)
	return told
}

func (ns *Namespace) unlockRooms(told [2]*hooks) {
	list := ns.changes
	ns.changes = nil
	ns.mu.Unlock()
	if list != nil {
		list.tell(told)
		ns.telling.Unlock()
	}
}

// watchRooms is lockRooms for a caller that will lock ns.mu, and set ns.changes, later
// and within other locks. tell is unlockRooms, once it holds none of them.
func (ns *Namespace) watchRooms() (list *changes, tell func()) {
	told := ns.chain()
	if len(told[0].rooms)+len(told[1].rooms) == 0 {
		return nil, func() {}
	}
	ns.telling.Lock()
	list = new(changes)
	return list, func() {
		list.tell(told)
		ns.telling.Unlock()
	}
}

func (list *changes) tell(told [2]*hooks) {
	for _, c := range *list {
		for _, h := range told {
			for _, hook := range h.rooms {
				c.socket.guard(func() { hook(c.what, c.room, c.socket) })
			}
		}
	}
}

// note remembers a change for the hooks. The caller holds ns.mu.
func (ns *Namespace) note(what RoomChange, room string, s *Socket) {
	if ns.changes != nil {
		*ns.changes = append(*ns.changes, roomChange{what, room, s})
	}
}
