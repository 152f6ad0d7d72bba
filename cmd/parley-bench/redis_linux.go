package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// startRedis starts an empty redis-server that writes nothing to disk.
func startRedis(ctx context.Context) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(addr)
	return startCommand(ctx, []string{
		"redis-server", "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", os.TempDir(),
	}, addr)
}

// commands returns how many commands Redis has carried out, those that ask for it not counted.
func (t *trial) commands() (int, error) {
	conn, err := net.DialTimeout("tcp4", t.redis.addr, time.Second)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, "INFO commandstats\r\n"); err != nil {
		return 0, err
	}
	r := bufio.NewReader(conn)
	head, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	size, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(head, "$")))
	if err != nil {
		return 0, fmt.Errorf("redis: unexpected answer %q", head)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return 0, err
	}
	return sumCalls(string(text))
}

// sumCalls adds up the calls in the section commandstats of INFO, without those of INFO itself.
func sumCalls(info string) (sum int, err error) {
	found := false
	for line := range strings.Lines(info) {
		command, stats, ok := strings.Cut(line, ":calls=")
		if !ok || command == "cmdstat_info" {
			continue
		}
		calls, _, _ := strings.Cut(stats, ",")
		n, err := strconv.Atoi(calls)
		if err != nil {
			return 0, err
		}
		sum += n
		found = true
	}
	if !found {
		return 0, errors.New("redis: no command statistics")
	}
	return sum, nil
}
