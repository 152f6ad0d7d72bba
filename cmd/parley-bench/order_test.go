package main

import "testing"

func TestStreamCountsWhatWentWrong(t *testing.T) {
	for _, c := range []struct {
		name                 string
		arrivals             []int
		sent                 int
		lost, late, repeated int
	}{
		{"all in order", []int{0, 1, 2, 3}, 4, 0, 0, 0},
		{"nothing arrives", nil, 3, 3, 0, 0},
		{"the end is missing", []int{0, 1}, 4, 2, 0, 0},
		{"one in the middle is missing", []int{0, 2, 3}, 4, 1, 0, 0},
		{"two swapped", []int{0, 2, 1, 3}, 4, 0, 1, 0},
		{"backwards", []int{3, 2, 1, 0}, 4, 0, 3, 0},
		{"one twice", []int{0, 1, 1, 2}, 3, 0, 0, 1},
		{"a late one twice", []int{1, 0, 0}, 2, 0, 1, 1},
		{"a gap that is filled in part", []int{0, 4, 2}, 5, 2, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s stream
			for _, seq := range c.arrivals {
				s.add(seq)
			}
			if lost := s.lost(c.sent); lost != c.lost || s.late != c.late || s.repeated != c.repeated {
				t.Errorf("lost %d, late %d, repeated %d; want %d, %d, %d", lost, s.late, s.repeated, c.lost, c.late, c.repeated)
			}
		})
	}
}
