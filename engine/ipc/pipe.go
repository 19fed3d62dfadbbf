// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipc

import (
	"io"
	"sync"
)

// Pipe returns the two ends of a link inside one process. Frames are passed as
// they are: what they point to must not be changed after sending.
func Pipe() (*Link, *Link) {
	ab, ba := make(chan Frame), make(chan Frame)
	gone := make(chan struct{})
	once := new(sync.Once)
	return newLink(&pipe{ab, ba, gone, once}), newLink(&pipe{ba, ab, gone, once})
}

type pipe struct {
	to   chan<- Frame
	from <-chan Frame
	// gone is shared: either end closes both.
	gone chan struct{}
	once *sync.Once
}

func (p *pipe) write(f *Frame) (int, error) {
	select {
	case <-p.gone:
		closeAll(f.FDs)
		return 0, io.EOF
	default:
	}
	select {
	case p.to <- *f:
		return 0, nil
	case <-p.gone:
		closeAll(f.FDs)
		return 0, io.EOF
	}
}

func (p *pipe) read() (Frame, error) {
	select {
	case f := <-p.from:
		return f, nil
	case <-p.gone:
		// A frame that was written before the end is still delivered.
		select {
		case f := <-p.from:
			return f, nil
		default:
			return Frame{}, io.EOF
		}
	}
}

func (p *pipe) close() error {
	p.once.Do(func() { close(p.gone) })
	return nil
}
