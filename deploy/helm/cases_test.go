package helm_test

// config is what the cases deliver: nothing of it is the chart's. Nobody sees labels.
const config = `
rbac: {lookupKinds: []}
config: |
  clusterName: production # kept, as the tag below
  route:
    routes:
      - match: [{receiver: dump}]
  receivers:
    - name: dump
      webhook:
        endpoint: https://hooks.example.com
        headers: {Authorization: "Bearer ${TOKEN}"}
        layout: {count: !json "{{ .Count }}"}
`

// cases are values that must render to what Kubernetes takes. Those with a
// golden are also in testdata.
func cases() map[string]string {
	return map[string]string{
		"cronjob":  config,
		"watch":    "mode: watch\nmetrics: {serviceMonitor: {create: true, labels: {release: prometheus}}}\nnetworkPolicy: {create: true, ingressFrom: [{namespaceSelector: {}}]}\n" + config,
		"defaults": "{}",
		"mapping":  "config: {clusterName: x, source: {memory: 10485760, eventTTL: 2h}, route: {match: [{receiver: a}]}, receivers: [{name: a, stdout: {layout: {m: '{{ .Message }}'}}}]}",
		"upstream": "mode: watch\nconfig: {logLevel: error, logFormat: json, maxEventAgeSeconds: 60, leaderElection: {enabled: true}, route: {routes: [{match: [{receiver: dump}]}]}, receivers: [{name: dump, file: {path: /dev/stdout, layout: {}}}]}",
		"s3": `
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::123456789012:role/packetboat"}}
config: {checkpoint: {s3: {bucket: b-1, key: packetboat/checkpoint.json, region: eu-central-1}}, route: {match: [{receiver: a}]}, receivers: [{name: a, stdout: {}}]}`,
		"gcs": `
serviceAccount: {annotations: {iam.gke.io/gcp-service-account: packetboat@example.iam.gserviceaccount.com}}
config: {checkpoint: {gcs: {bucket: b-1, object: checkpoint.json}}, omitLookup: true, route: {match: [{receiver: a}]}, receivers: [{name: a, stdout: {}}]}`,
		"variable in the store": "config: {checkpoint: {s3: {bucket: '${TOKEN}', key: c.json, region: eu-central-1}}, route: {match: [{receiver: a}]}, receivers: [{name: a, stdout: {}}]}",
		"own checkpoint here":   "config: {checkpoint: {configMap: {name: mine}}, route: {match: [{receiver: a}]}, receivers: [{name: a, stdout: {}}]}",
		"checkpoint elsewhere":  "config: {checkpoint: {configMap: {namespace: other, name: mine}}, source: {marker: 'off'}, route: {match: [{receiver: a}]}, receivers: [{name: a, stdout: {}}]}",
		"one namespace":         "mode: watch\nwatch: {replicas: 1}\nconfig: {namespace: shop, route: {match: [{receiver: a}]}, receivers: [{name: a, stdout: {}}]}",
		"two namespaces":        "mode: watch\nconfig: {source: {namespaces: [shop, default]}, route: {match: [{receiver: a}]}, receivers: [{name: a, stdout: {}}]}",
		"two namespaces, runs":  "config: {source: {namespaces: ['no', '1e3']}, route: {match: [{receiver: a}]}, receivers: [{name: a, stdout: {}}]}",
		"kinds":                 "config: {enrich: {kinds: [Pod, Ingress, NetworkPolicy, Endpoints, Node, cert-manager.io/Certificate]}, route: {match: [{receiver: a}]}, receivers: [{name: a, stdout: {}}]}",
		"existing secret":       "existingSecret: mine\nconfigKey: packetboat.yaml",
		"existing config map":   "mode: watch\nexistingConfigMap: mine\ncheckpoint: {create: false}\nwatch: {leaseName: mine}\nrbac: {namespaces: [shop], lookupKinds: []}",
		"no rights":             "rbac: {create: false}\nserviceAccount: {create: false, name: somebody}\nfullnameOverride: '123'",
		"lease elsewhere":       "mode: watch\nconfig: {leaderElection: {enabled: true, leaderElectionID: y, namespace: other}, route: {match: [{receiver: a}]}, receivers: [{name: a, stdout: {}}]}",
		"everything": `
mode: cronjob
cronjob: {schedule: "@hourly", timeZone: Europe/Berlin, suspend: true, failIfBehind: true, deadlineSeconds: 600}
networkPolicy:
  create: true
  apiServer: {cidrs: [10.0.0.1/32], ports: [6443]}
  egress: [{to: [{ipBlock: {cidr: 10.1.0.0/16}}], ports: [{port: 9092, protocol: TCP}]}]
image: {repository: registry.example.com/packetboat, digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", pullPolicy: Always}
imagePullSecrets: [{name: pull}]
labels: {team: platform}
podLabels: {sidecar.istio.io/inject: "false"}
podAnnotations: {example.com/a: b}
extraArgs: [--strict]
extraEnv: [{name: TOKEN, valueFrom: {secretKeyRef: {name: t, key: t}}}]
envFrom: [{secretRef: {name: more}}]
extraVolumes: [{name: ca, configMap: {name: ca}}]
extraVolumeMounts: [{name: ca, mountPath: /ca, readOnly: true}]
priorityClassName: system-cluster-critical
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{operator: Exists}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]
rbac: {extraRules: [{apiGroups: [""], resources: [secrets], resourceNames: [x], verbs: [get]}]}
`,
	}
}

// refused are values that the schema takes and the chart does not.
func refused() map[string]string {
	return map[string]string{
		"config: {a: 1}\nexistingSecret: x":                       "config and existingSecret are set: the configuration is one of them",
		"existingConfigMap: x\nexistingSecret: x":                 "existingSecret and existingConfigMap are set",
		"config: 'a: ['":                                          "config is no YAML mapping",
		"config: '{a: 1}'":                                        "checkpoint cannot be added to config: write config as a block mapping",
		"config: 'just text'":                                     "config is no YAML mapping",
		"config: {enrich: {kinds: [Certificate]}}":                "Certificate is none of Kubernetes' own kinds: name its group too",
		"config: {namespace: '${WHERE}'}":                         "the configuration reads namespace ${WHERE}, which is a variable: name the namespaces in rbac.namespaces",
		"mode: watch\nconfig: {leaderElection: {enabled: false}}": "watch.replicas is more than 1 and leaderElection of the configuration is not enabled",
		"cronjob: {deadlineSeconds: 9}":                           "at '/cronjob/deadlineSeconds': minimum: got 9, want 10",
	}
}
