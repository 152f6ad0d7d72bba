package main

import "testing"

func TestCallsAreSummedWithoutThoseThatAsk(t *testing.T) {
	info := "# Commandstats\r\ncmdstat_publish:calls=120,usec=3,usec_per_call=0.1\r\n" +
		"cmdstat_info:calls=9,usec=3\r\ncmdstat_client|setinfo:calls=4,usec=3\r\n"
	if n, err := sumCalls(info); err != nil || n != 124 {
		t.Errorf("got %d, %v, want 124", n, err)
	}
	for _, bad := range []string{"", "cmdstat_info:calls=9,usec=3\r\n", "cmdstat_get:calls=x,usec=1\r\n"} {
		if _, err := sumCalls(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
