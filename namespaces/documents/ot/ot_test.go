package ot

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf16"
)

func units(s string) []uint16 { return utf16.Encode([]rune(s)) }

func text(u []uint16) string { return string(utf16.Decode(u)) }

func ins(at int, s string) Operation { return Operation{Type: Insert, Position: &at, Text: &s} }

func del(from, to int) Operation { return Operation{Type: Delete, From: &from, To: &to} }

func rep(from, to int, s string) Operation {
	return Operation{Type: Replace, From: &from, To: &to, Text: &s}
}

// splice is what a JavaScript client does with an operation.
func splice(doc []uint16, o Operation) []uint16 {
	from, to, s := 0, 0, ""
	switch o.Type {
	case Insert:
		from, to, s = *o.Position, *o.Position, *o.Text
	case Delete:
		from, to = *o.From, *o.To
	case Replace:
		from, to, s = *o.From, *o.To, *o.Text
	}
	return slices.Concat(doc[:from], units(s), doc[to:])
}

func TestWhatAnOperationMeans(t *testing.T) {
	for _, c := range []struct {
		text string
		op   Operation
		want string
	}{
		{"", ins(0, "a"), "a"},
		{"ac", ins(1, "b"), "abc"},
		{"abc", ins(3, "d"), "abcd"},
		{"abc", ins(1, ""), "abc"},
		{"abc", del(0, 3), ""},
		{"abc", del(1, 1), "abc"},
		{"abc", rep(1, 2, "xyz"), "axyzc"},
		{"abc", rep(1, 2, ""), "ac"},
		{"a😀b", del(1, 3), "ab"},
		{"a😀b", ins(3, "é"), "a😀éb"},
	} {
		doc := units(c.text)
		e, err := c.op.Edit(len(doc))
		if err != nil || e.Check(doc) != nil {
			t.Fatalf("%q %v: %v %v", c.text, c.op.Type, err, e.Check(doc))
		}
		if got := text(e.Apply(doc)); got != c.want || e.After() != len(units(c.want)) || e.Before() != len(doc) {
			t.Errorf("%q becomes %q of length %d, want %q", c.text, got, e.After(), c.want)
		}
		if got := text(splice(doc, e.Operation(doc))); got != c.want {
			t.Errorf("%q: the operation sent on makes %q, want %q", c.text, got, c.want)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	n, s := 1, "x"
	doc := units("a😀b")
	for _, c := range []struct {
		op   Operation
		want error
	}{
		{Operation{}, ErrForm},
		{Operation{Type: "move", Position: &n, Text: &s}, ErrForm},
		{Operation{Type: Insert, Text: &s}, ErrForm},
		{Operation{Type: Insert, Position: &n}, ErrForm},
		{Operation{Type: Insert, Position: &n, Text: &s, From: &n}, ErrForm},
		{Operation{Type: Delete, From: &n}, ErrForm},
		{Operation{Type: Delete, From: &n, To: &n, Text: &s}, ErrForm},
		{Operation{Type: Replace, From: &n, To: &n}, ErrForm},
		{del(3, 1), ErrForm},
		{ins(-1, "x"), ErrRange},
		{ins(5, "x"), ErrRange},
		{del(-1, 1), ErrRange},
		{del(0, 5), ErrRange},
		{ins(2, "x"), ErrSurrogate},
		{del(0, 2), ErrSurrogate},
		{del(2, 4), ErrSurrogate},
		{rep(2, 2, "x"), ErrSurrogate},
	} {
		e, err := c.op.Edit(len(doc))
		if err == nil {
			err = e.Check(doc)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.op, err, c.want)
		}
	}
}

func TestOver(t *testing.T) {
	for _, c := range []struct {
		text        string
		first, late Operation
		want        string
	}{
		{"abc", ins(1, "X"), ins(1, "Y"), "aXYbc"},
		{"abc", ins(0, "X"), ins(3, "Y"), "XabcY"},
		{"abcd", del(1, 3), del(2, 4), "a"},
		{"abcd", del(1, 3), del(1, 3), "ad"},
		{"abcd", del(1, 3), ins(2, "X"), "aXd"},
		{"abcd", ins(2, "X"), del(1, 3), "aXd"},
		{"abcd", ins(2, "X"), rep(0, 4, "new"), "newX"},
		{"abcd", rep(1, 3, "XY"), rep(2, 4, "Z"), "aXYZ"},
		{"abcd", rep(0, 4, ""), ins(2, "X"), "X"},
	} {
		doc := units(c.text)
		first, err1 := c.first.Edit(len(doc))
		late, err2 := c.late.Edit(len(doc))
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		now := first.Apply(doc)
		carried := late.Over(first)
		got := text(carried.Apply(now))
		if sent := text(splice(now, carried.Operation(now))); got != c.want || sent != got {
			t.Errorf("%q: %q, by the operation sent on %q, want %q", c.text, got, sent, c.want)
		}
	}
}

// TestRandomEditsConverge carries random edits over all that was accepted since
// the version they were made on: the text made of the operations sent on is the
// server's, no character is cut, and what was inserted is removed by nobody who
// has not seen it.
func TestRandomEditsConverge(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		server := units("one 😀 two")
		versions, accepted := [][]uint16{server}, []Edit(nil)
		replica := slices.Clone(server)
		for range 60 {
			base := max(0, len(accepted)-r.IntN(20))
			op := randomOperation(r, versions[base])
			e, err := op.Edit(len(versions[base]))
			if err != nil || e.Check(versions[base]) != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for _, done := range accepted[base:] {
				e = e.Over(done)
			}
			if err := e.Check(server); err != nil {
				t.Fatalf("seed %d: a carried edit: %v", seed, err)
			}
			if e.Before() != len(server) {
				t.Fatalf("seed %d: an edit for %d code units of %d", seed, e.Before(), len(server))
			}
			replica = splice(replica, e.Operation(server))
			server = e.Apply(server)
			accepted, versions = append(accepted, e), append(versions, server)
			if !slices.Equal(server, replica) {
				t.Fatalf("seed %d: %q and %q", seed, text(server), text(replica))
			}
			if slices.Contains([]rune(text(server)), '\uFFFD') {
				t.Fatalf("seed %d: half a character in %q", seed, text(server))
			}
		}
	}
}

func randomOperation(r *rand.Rand, doc []uint16) Operation {
	place := func() int {
		at := r.IntN(len(doc) + 1)
		if splits(doc, at) {
			at--
		}
		return at
	}
	words := []string{"x", "😀", "longer text", "é😀é", ""}
	word := words[r.IntN(len(words))]
	from, to := place(), place()
	from, to = min(from, to), max(from, to)
	if to = min(to, from+7); splits(doc, to) {
		to--
	}
	switch r.IntN(3) {
	case 0:
		return ins(from, word)
	case 1:
		return del(from, to)
	default:
		return rep(from, to, word)
	}
}

// BenchmarkOver carries an edit over the most that a document keeps.
func BenchmarkOver(b *testing.B) {
	var accepted []Edit
	for i := range 1000 {
		e, err := ins(i/2, "x").Edit(5000 + i)
		if err != nil {
			b.Fatal(err)
		}
		accepted = append(accepted, e)
	}
	late, err := rep(2000, 2010, "text").Edit(5000)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e := late
		for _, a := range accepted {
			e = e.Over(a)
		}
	}
}
