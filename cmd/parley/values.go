package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/server/socketio"
)

func parseAddr(v string) (string, error) {
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return "", errors.New("want host:port")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", errors.New("want a port from 0 to 65535")
	}
	return v, nil
}

func parseOptionalAddr(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	return parseAddr(v)
}

// parsePrefixes takes networks, and addresses as networks of one.
func parsePrefixes(v string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, item := range splitList(v) {
		if p, err := netip.ParsePrefix(item); err == nil {
			list = append(list, p.Masked())
		} else if a, err := netip.ParseAddr(item); err == nil && a.Zone() == "" {
			list = append(list, netip.PrefixFrom(a, a.BitLen()))
		} else {
			return nil, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", item)
		}
	}
	return list, nil
}

// parseOrigins takes origins as browsers send them, of any scheme: applications in a shell have their own.
func parseOrigins(v string) ([]string, error) {
	origins := splitList(v)
	for _, o := range origins {
		if err := socketio.CheckOrigin(o); err != nil {
			return nil, err
		}
	}
	return origins, nil
}

func parsePath(v string) (string, error) {
	const extra = "/-_.~"
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(extra, r)
	}
	if strings.Trim(v, "/") == "" || v[0] != '/' || strings.TrimSuffix(v, "/") != path.Clean(v) ||
		strings.ContainsFunc(v, func(r rune) bool { return !plain(r) }) {
		return "", errors.New("want a path such as /socket.io/, of letters, digits and " + extra)
	}
	v = path.Clean(v)
	if slices.Contains(ownPaths, v) {
		return "", errors.New("this path has another use")
	}
	return v + "/", nil
}

func parseTransports(v string) ([]string, error) {
	list := splitList(v)
	if len(list) == 0 {
		return nil, errors.New("want polling, websocket or both")
	}
	for i, t := range list {
		if _, err := parseWord(t, "polling", "websocket"); err != nil {
			return nil, err
		}
		if slices.Contains(list[:i], t) {
			return nil, fmt.Errorf("%s is there twice", t)
		}
	}
	return list, nil
}

func parseDuration(v string, least time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, errors.New("want a duration such as 25s")
	}
	if d < least || d > longest {
		return 0, fmt.Errorf("want %s to %s", least, longest)
	}
	return d, nil
}

func parseNumber(v string, least, most int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("want a number from %d to %d", least, most)
	}
	return n, nil
}

func parseWord(v string, words ...string) (string, error) {
	if !slices.Contains(words, v) {
		return "", fmt.Errorf("want one of %s", strings.Join(words, ", "))
	}
	return v, nil
}

func parseSwitch(v string) (bool, error) {
	word, err := parseWord(v, "on", "off", "true", "false")
	return word == "on" || word == "true", err
}

func parseLevel(v string) (slog.Level, error) {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	word, err := parseWord(v, "debug", "info", "warn", "error")
	return levels[word], err
}

// splitList splits at commas and leaves out what is empty.
func splitList(v string) []string {
	var list []string
	for item := range strings.SplitSeq(v, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}
