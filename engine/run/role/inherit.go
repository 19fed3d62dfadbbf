// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"os"
	"syscall"

	"github.com/vigild/vigild/engine/ipc"
)

// LinkFD is the descriptor of a worker's end of the link.
const LinkFD = 3

// Inherited returns the link that the parent left on descriptor 3.
func Inherited() (*ipc.Link, error) {
	syscall.CloseOnExec(LinkFD)
	return ipc.Socket(os.NewFile(LinkFD, "link"))
}
