// Package negotiate reads what a client accepts (RFC 9110, section 12.5).
package negotiate

import (
	"strconv"
	"strings"
)

// Encoding returns the offered content coding that the values of an
// Accept-Encoding header prefer, the earlier one of two that are equal; or
// nothing, if the client wants none of them. What cannot be read is ignored.
func Encoding(accept []string, offers ...string) string {
	best, bestWeight := "", 0.0
	for _, offer := range offers {
		if weight := weightOf(accept, offer); weight > bestWeight {
			best, bestWeight = offer, weight
		}
	}
	return best
}

// weightOf returns how much a client wants a coding: 0 is not at all.
func weightOf(accept []string, coding string) float64 {
	weight := 0.0
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(item, ";")
			switch name = strings.TrimSpace(name); {
			case strings.EqualFold(name, coding):
				return quality(params) // what is named counts, whatever * says
			case name == "*":
				weight = quality(params)
			}
		}
	}
	return weight
}

// quality reads the weight among the parameters of an item; one that is none
// counts as 0.
func quality(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}
