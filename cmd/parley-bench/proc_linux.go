package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// cpuTime gives the processor time that the process has used so far, user and system, all its threads.
//
// It reads the process' CPU-time clock, the same sum that /proc/<pid>/stat shows in ticks of 10 ms, but in nanoseconds.
// Adding up /proc/<pid>/task/*/schedstat would forget the threads that have exited.
func cpuTime(pid int) (time.Duration, error) {
	const scheduler = 2                           // CPUCLOCK_SCHED: precise run time of the whole thread group
	clock := uintptr(uint32(^pid<<3 | scheduler)) // how clock_getcpuclockid(3) makes the clock of a process
	var ts syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, errno)
	}
	return time.Duration(ts.Nano()), nil
}

// residentKB gives the memory of the process that is in RAM (VmRSS). The kernel's socket buffers are not in it.
func residentKB(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseResident(status)
}

// parseResident finds VmRSS in the text of /proc/<pid>/status.
func parseResident(status []byte) (int, error) {
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			return strconv.Atoi(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(value), []byte("kB")))))
		}
	}
	return 0, errors.New("process status without VmRSS")
}

// parseParent finds the parent's id in the text of /proc/<pid>/stat. The command name before it stands in
// parentheses and may contain spaces and parentheses itself.
func parseParent(stat []byte) (int, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, errors.New("process stat without a parent")
	}
	return strconv.Atoi(string(fields[1]))
}

// family gives the process root and all its descendants, parents before children.
func family(root int) []int {
	children := make(map[int][]int)
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // ended meanwhile
		}
		if parent, err := parseParent(stat); err == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// usage is what a server's processes have used together.
type usage struct {
	cpu      time.Duration
	resident int // KB
}

// measure adds up the usage of pid and its descendants. Descendants may end in between, the process itself may not.
func measure(pid int) (usage, error) {
	var sum usage
	for i, member := range family(pid) {
		cpu, err := cpuTime(member)
		if err == nil {
			var kb int
			kb, err = residentKB(member)
			sum.cpu, sum.resident = sum.cpu+cpu, sum.resident+kb
		}
		if err != nil && i == 0 {
			return usage{}, err
		}
	}
	return sum, nil
}
