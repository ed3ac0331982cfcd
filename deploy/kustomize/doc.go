// Package kustomize holds no code, only tests of the manifests beside it. They
// promise that the rights in the manifests are those that packetboat rbac prints
// for their configuration, that no single one of them can be left out, and that
// their ServiceAccount has no other; and that a pod that the real controllers
// make of them, run as its specification says, does what it is for.
//
// There is no kubelet: the tests take its part. They run the container's command
// as a process, with the environment and files of the pod's specification and a
// token of its ServiceAccount, and write how it ended into the pod's status.
//
// With LIVE the CronJob's own schedule is waited for too.
package kustomize
