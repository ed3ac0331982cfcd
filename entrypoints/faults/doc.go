// Package faults holds no code, only tests: they run the real command as a
// process of its own, against a real API server and an S3-compatible service,
// and disturb it. They promise that whatever happens to the network between the
// command and its three peers, and however many runs meet, every event arrives
// under its own ID; and that a replay costs by what is new.
//
// LIVE=1 adds real services and runs 20 of the runs with faults, LIVE=all 200.
// A seed of faults is printed; FAULTS_SEED runs the same faults again, against
// runs that are of course never quite the same.
package faults
