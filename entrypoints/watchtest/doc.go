// Package watchtest holds no code, only tests: three processes of the real
// command watch one real API server under leader election, and their leader is
// killed, cut off from the API server, paused, or told to end. They promise that
// another one takes over within 20 s, that every event arrives under its own ID,
// and that a leader that wakes up repeats no more than what it had in flight.
package watchtest
