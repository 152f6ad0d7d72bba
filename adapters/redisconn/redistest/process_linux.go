package redistest

import "syscall"

// endWithParent makes the kernel end a server whose test process died before it could.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
