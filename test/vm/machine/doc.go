// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package machine runs the tests of a package inside the machine of test/vm:
//
//	func TestMain(m *testing.M) { os.Exit(machine.Main(m)) }
//
// Outside, Main builds our programs, boots the machine with the test binary and
// its own arguments as the command, and ends with its status; so -run, -v,
// -count, -update and the rest mean what they always mean. Inside, it runs the
// tests. A test finds the programs where package lab looks for them, the tree
// where it is, and may write below Share for what has to survive.
//
// The tests under test/vm import it. It needs the programs of test/install.sh.
//
// It must never skip, or run a test on the machine's host.
package machine
