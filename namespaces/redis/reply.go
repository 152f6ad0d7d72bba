package redis

import "strconv"

// A reply is what a script has returned. What is not there, or of another type, is empty.
type reply struct{ v any }

func (r reply) list() []any {
	list, _ := r.v.([]any)
	return list
}

func (r reply) at(i int) reply {
	if list := r.list(); i < len(list) {
		return reply{list[i]}
	}
	return reply{}
}

func (r reply) int() int {
	switch v := r.v.(type) {
	case int64:
		return int(v)
	case string:
		n, _ := strconv.Atoi(v)
		return n
	}
	return 0
}

func (r reply) text() string {
	text, _ := r.v.(string)
	return text
}

func (r reply) texts() []string {
	list := r.list()
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = r.at(i).text()
	}
	return texts
}
