// Package digesttest proves digests with the command as a process of its own, a
// real control plane and a fake of Slack: what people are told of an hour in which
// a Deployment does not come up.
package digesttest
