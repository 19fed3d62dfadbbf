// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"
	"fmt"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
)

// Loop is the loop of a role.
type Loop interface {
	Run(ctx context.Context) error
	Stop()
}

// Attend runs the loop of a role and gives the parent's frames to hear, until
// the loop has ended: because the parent said so, is gone, sent what is no
// frame for this role, or ctx is done.
func Attend(ctx context.Context, link *ipc.Link, who event.Role, loop Loop, hear func(*ipc.Frame) error) error {
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	frames := link.Frames()
	for {
		select {
		case f, ok := <-frames:
			if !ok {
				// The parent is gone, and nobody is left to supervise or be told.
				frames = nil
				loop.Stop()
				continue
			}
			if err := hear(&f); err != nil {
				link.Send(ipc.Frame{Type: ipc.Bye, Error: err.Error()})
				loop.Stop()
			}
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("%s loop: %w", who, err)
			}
			link.Send(ipc.Frame{Type: ipc.Bye})
			return nil
		}
	}
}
