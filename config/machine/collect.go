// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"runtime/debug"
	"sync"
)

// seldom is how far the heap may grow until garbage is collected, in percent of what lives, while a configuration is read.
const seldom = 400

// reading counts the readers, for what the collector does is a matter of the whole process.
var reading struct {
	sync.Mutex
	readers, before int
}

// Reading lets garbage be collected seldom until the function that it gives is called: what is read of a large
// configuration stays, so that looking for garbage in between is half of the work and finds little.
func Reading() (done func()) {
	reading.Lock()
	defer reading.Unlock()
	if reading.readers++; reading.readers == 1 {
		reading.before = debug.SetGCPercent(seldom)
		if reading.before < 0 || reading.before > seldom {
			debug.SetGCPercent(reading.before)
		}
	}
	return sync.OnceFunc(func() {
		reading.Lock()
		defer reading.Unlock()
		if reading.readers--; reading.readers == 0 {
			debug.SetGCPercent(reading.before)
		}
	})
}
