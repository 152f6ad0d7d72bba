package socketio

// An argument type that stands for another number of arguments than one: as the
// In of a handler it takes all of them, and wherever values are sent it sends
// them one beside the other.

// None is the argument of an event, or of an acknowledgement, that has none.
type None struct{}

// Args2 is the argument of an event, or of an acknowledgement, that has two.
type Args2[A, B any] struct {
	A A
	B B
}

// Args3 is the argument of an event, or of an acknowledgement, that has three.
type Args3[A, B, C any] struct {
	A A
	B B
	C C
}

// Args are all arguments of an event, or of an acknowledgement, however many.
type Args []Value

// A listDecoder is an argument type that stands for another number than one. Its
// method returns a decoder of the type itself.
type listDecoder interface{ listDecoder() any }

func (None) listDecoder() any {
	return decoder[None](func(a arguments) (None, error) { return None{}, a.count(0) })
}

func (Args2[A, B]) listDecoder() any {
	da, db := valueDecoderOf[A](), valueDecoderOf[B]()
	return decoder[Args2[A, B]](func(a arguments) (v Args2[A, B], err error) {
		if err = a.count(2); err == nil {
			err = da.next(&a, &v.A)
		}
		if err == nil {
			err = db.next(&a, &v.B)
		}
		return v, err
	})
}

func (Args3[A, B, C]) listDecoder() any {
	da, db, dc := valueDecoderOf[A](), valueDecoderOf[B](), valueDecoderOf[C]()
	return decoder[Args3[A, B, C]](func(a arguments) (v Args3[A, B, C], err error) {
		if err = a.count(3); err == nil {
			err = da.next(&a, &v.A)
		}
		if err == nil {
			err = db.next(&a, &v.B)
		}
		if err == nil {
			err = dc.next(&a, &v.C)
		}
		return v, err
	})
}

func (Args) listDecoder() any {
	one := valueDecoderOf[Value]()
	return decoder[Args](func(a arguments) (Args, error) {
		all := make(Args, a.list.Len())
		for i := range all {
			if err := one.next(&a, &all[i]); err != nil {
				return nil, err
			}
		}
		return all, nil
	})
}

// A valueList is an argument type that is sent as another number of values than
// one.
type valueList interface{ valueList() []any }

func (None) valueList() []any { return nil }

func (v Args2[A, B]) valueList() []any { return []any{v.A, v.B} }

func (v Args3[A, B, C]) valueList() []any { return []any{v.A, v.B, v.C} }

func (v Args) valueList() []any {
	list := make([]any, len(v))
	for i := range v {
		list[i] = v[i]
	}
	return list
}
