package chat

// A Keeper keeps rooms over a restart, for the Store in memory. What changes a room returns when the change is safe; the
// Store publishes it, and shows it to anybody, only then. Calls about one room come one at a time.
type Keeper interface {
	// Load returns a room, or nil if it is not kept.
	Load(room string) (*KeptRoom, error)
	// Make begins to keep a room that has no messages.
	Make(r KeptRoom) error
	// Append adds messages to a kept room, oldest first, and drops those with the ids in drop.
	Append(room string, messages []Message, drop []string) error
	// Delete drops a room with its messages.
	Delete(room string) error
	// Rooms lists up to limit kept rooms, in no particular order.
	Rooms(limit int) (rooms []Room, more bool, err error)
	// Made counts the kept rooms that users have made, by user id.
	Made() map[string]int
}

// A KeptRoom is a room without those who are in it.
type KeptRoom struct {
	ID        string
	Name      string
	Creator   string // user id
	CreatedAt string
	Made      bool      // by create-room
	Messages  []Message // oldest first
}

// restore fills a new room with what is kept of it.
func (m *memory) restore(r *room, k *KeptRoom) {
	r.name, r.creator, r.createdAt, r.made, r.kept = k.Name, k.Creator, k.CreatedAt, k.Made, true
	r.history = k.Messages
	if n := len(k.Messages); n > 0 {
		m.ids.Past(k.Messages[n-1].ID)
	}
}

// keep makes messages of a room safe, and which ones they displace.
func (m *memory) keep(r *room, messages []Message) error {
	if m.opts.Keeper == nil || len(messages) == 0 {
		return nil
	}
	if !r.kept {
		err := m.opts.Keeper.Make(KeptRoom{ID: r.id, Name: r.name, Creator: r.creator, CreatedAt: r.createdAt, Made: r.made})
		if err != nil {
			return err
		}
		r.kept = true
	}
	var drop []string
	over := max(0, len(r.history)+len(messages)-m.opts.History)
	for _, old := range r.history[:min(over, len(r.history))] {
		drop = append(drop, old.ID)
	}
	// Of very many messages at once the first may be too old already.
	return m.opts.Keeper.Append(r.id, messages[max(0, over-len(r.history)):], drop)
}

// listKept adds kept rooms that are not in memory to a list of rooms.
func (m *memory) listKept(list []Room, limit int) ([]Room, bool, error) {
	there := make(map[string]bool, len(list))
	for _, r := range list {
		there[r.ID] = true
	}
	kept, more, err := m.opts.Keeper.Rooms(limit + 1)
	for _, r := range kept {
		if !there[r.ID] {
			list = append(list, r)
		}
	}
	return list, more, err
}
