// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package check is the tests of health checks and IPVS on a kernel that has it:
// what a director does to its table and whom it tells, when real servers break
// and mend; keepalived and vigild with the same files, beside the same servers.
//
// Nothing imports it. It runs in the machine of test/vm.
//
// It must never skip, wait for time instead of for a condition, or let the two
// daemons be judged by different measures.
package check
