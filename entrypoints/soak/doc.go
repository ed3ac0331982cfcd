// Package soak holds no code, only a test: it lives through a while with
// `packetboat watch` as its users have it, three processes that elect a leader,
// on a real control plane with a short event TTL and short compaction, and gives
// it everything that happens in a year. The API server dies and comes back, the
// leader is killed, paused for longer than its lease, replaced by a rolling
// update; the configuration is loaded anew; one receiver is out for a quarter of
// the time, one takes less than there is. Events are written by a writer and by
// Kubernetes' own controllers.
//
// It promises that every version of every event that was written arrives at
// every receiver, or that a read in windows or a gap stood in between, which the
// processes have said by their metrics. What was written is known from the API
// server's answers to the writer and from a recorder, a watch that shares no
// code with package source. Nothing arrives that was never written. Afterwards
// goroutines and memory are what they were.
//
// It lasts 25 seconds, with LIVE 2 minutes, with `make soak` 20; SOAK=5m is any
// other time. The seed of what happens is printed; SOAK_SEED gives the same
// again, against processes that are of course never quite the same.
package soak
