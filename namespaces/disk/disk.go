// Package disk keeps the state of the namespaces in one file, so that it is there
// after a restart on one node. What the stores in memory change they first put here;
// a change that has returned survives the process, and with a disk that keeps its
// word the machine.
//
// The file is a bbolt database. Its records have checksums, all of which are checked
// when it is opened. Of its two heads the older one counts if the newest is bad: that
// is what a power cut in the middle of a commit looks like.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// Options are the bounds of a file. Zero means the default.
type Options struct {
	Rooms     int // of the chat; 100000
	Documents int // 100000
}

func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	for _, f := range []struct {
		name  string
		field *int
	}{{"Rooms", &c.Rooms}, {"Documents", &c.Documents}} {
		if *f.field < 0 {
			panic("disk: Options." + f.name + " is negative")
		}
		if *f.field == 0 {
			*f.field = 100_000
		}
	}
	return c
}

// What Open refuses a file for, besides the trouble of the system.
var (
	ErrInUse   = errors.New("another process has it open")
	ErrDamaged = errors.New("cut, garbled or not a data file of Parley")
)

// ErrClosed: the file has been closed.
var ErrClosed = errors.New("disk: the file is closed")

// A File is the open file. It may be used by any number of goroutines. A nil File
// keeps nothing.
type File struct {
	db        *bbolt.DB
	opts      Options
	rooms     atomic.Int64
	documents atomic.Int64
	made      map[string]int // rooms by user, when the file was opened

	wake chan struct{} // of capacity 1
	done chan struct{} // closed by the writer at its end

	mu      sync.Mutex // guards what follows
	waiting []*write
	closed  bool
}

// Open opens a file, which it makes if there is none. It reads all of it. A file that
// another process has open, or that is not whole, is refused, and left as it is; one
// that is badly damaged may stay locked until the process ends.
func Open(name string, opts *Options) (*File, error) {
	f := &File{opts: opts.withDefaults(), wake: make(chan struct{}, 1), done: make(chan struct{}), made: make(map[string]int)}
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		if err := create(name); err != nil {
			return nil, err
		}
	}
	if err := f.open(name); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go f.write()
	return f, nil
}

func (f *File) open(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("not a file")
	case info.Size() == 0:
		return fmt.Errorf("%w: it is empty", ErrDamaged)
	}
	err = guard(func() (err error) {
		f.db, err = bbolt.Open(name, 0o600, &bbolt.Options{
			Timeout: 1, // a nanosecond: try once
			OpenFile: func(name string, flag int, perm os.FileMode) (*os.File, error) {
				return os.OpenFile(name, flag&^os.O_CREATE, perm)
			},
		})
		return err
	})
	var system *fs.PathError
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return ErrInUse
	case errors.As(err, &system):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := f.db.View(f.check); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, errors.Join(err, f.db.Close()))
	}
	return nil
}

// Close ends the file. What waits to be written is written before.
func (f *File) Close() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	again := f.closed
	f.closed = true
	f.mu.Unlock()
	if again {
		return nil
	}
	close(f.wake)
	<-f.done
	return f.db.Close()
}

// guard makes an error of what a damaged file does to those who read it through
// mapped memory.
func guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("unreadable: %v", v)
		}
	}()
	return do()
}

// view reads.
func (f *File) view(do func(*bbolt.Tx) error) error {
	return guard(func() error { return f.db.View(do) })
}
