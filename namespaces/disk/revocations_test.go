package disk

import (
	"path/filepath"
	"testing"
	"time"

	"parley/namespaces/identity"
)

func TestRevocationsAreThereAfterARestart(t *testing.T) {
	name := filepath.Join(t.TempDir(), "data")
	f := open(t, name, nil)
	list, err := f.Revocations()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, err := range []error{
		list.RevokeToken("t1", now.Add(time.Hour)),
		list.RevokeToken("expired", now.Add(-time.Hour)),
		list.RevokeUser("u1", now, now.Add(time.Hour)),
		f.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if list, err = open(t, name, nil).Revocations(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		claims identity.Claims
		want   bool
	}{
		{identity.Claims{ID: "t1"}, true},
		{identity.Claims{ID: "t2"}, false},
		{identity.Claims{ID: "expired"}, false},
		{identity.Claims{User: identity.User{UserID: "u1"}, Issued: now.Add(-time.Minute)}, true},
		{identity.Claims{User: identity.User{UserID: "u1"}, Issued: now.Add(time.Minute)}, false},
	} {
		if got := list.Has(c.claims); got != c.want {
			t.Errorf("%+v: %t", c.claims, got)
		}
	}
}
