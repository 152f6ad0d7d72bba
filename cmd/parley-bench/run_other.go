//go:build !linux

package main

import "errors"

// run is `parley-bench run`.
func run([]string) error {
	return errors.New("parley-bench run works on Linux only: it drives its clients with epoll and reads /proc")
}
