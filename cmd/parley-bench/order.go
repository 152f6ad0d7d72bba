package main

// A stream checks that messages numbered from 0 arrive completely, once each and in order.
type stream struct {
	next     int              // the number that is due
	missing  map[int]struct{} // numbers below next that have not come
	late     int              // arrived after a higher number
	repeated int              // arrived before
}

// add notes the arrival of number seq.
func (s *stream) add(seq int) {
	if seq == s.next {
		s.next++
		return
	}
	if seq < s.next {
		if _, open := s.missing[seq]; open {
			delete(s.missing, seq)
			s.late++
		} else {
			s.repeated++
		}
		return
	}
	if s.missing == nil {
		s.missing = make(map[int]struct{})
	}
	for ; s.next < seq; s.next++ {
		s.missing[s.next] = struct{}{}
	}
	s.next++
}

// lost gives how many of the first sent numbers have not come.
func (s *stream) lost(sent int) int {
	return len(s.missing) + max(0, sent-s.next)
}
