// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package proc is the door to processes: it starts the roles of vigild with
// their scheduling, limits and capabilities, runs external programs under a
// time limit, locks memory, passes file descriptors and reads the monotonic
// clock.
//
// Everything that starts a program or changes what a process may do imports
// it; it is the only package that may import os/exec.
//
// It must never decide what to run or when, keep a list of children, or log:
// an outcome is a value that is handed back.
package proc
