{{- define "packetboat.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* A CronJob's name has at most 52 characters: its Jobs' names are longer by 11. */}}
{{- define "packetboat.fullname" -}}
{{- $name := include "packetboat.name" . }}
{{- if .Values.fullnameOverride }}
{{- $name = .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}
{{- $name = .Release.Name }}
{{- else }}
{{- $name = printf "%s-%s" .Release.Name $name }}
{{- end }}
{{- $name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "packetboat.selector" -}}
app.kubernetes.io/name: {{ include "packetboat.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "packetboat.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "packetboat.selector" . }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "packetboat.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "packetboat.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "packetboat.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* Names of the Secret and ConfigMap are different, so that one release can change from the one to the other. */}}
{{- define "packetboat.configVolume" -}}
{{- if .Values.existingConfigMap -}}
configMap: {name: {{ .Values.existingConfigMap | quote }}}
{{- else -}}
secret: {secretName: {{ default (printf "%s-config" (include "packetboat.fullname" .)) .Values.existingSecret | quote }}}
{{- end }}
{{- end }}

{{- define "packetboat.configPath" -}}
/etc/packetboat/{{ .Values.configKey }}
{{- end }}

{{/* What --set and values files can say, and the schema cannot refuse. */}}
{{- define "packetboat.validate" -}}
{{- $sources := compact (list (ternary "config" "" (not (empty .Values.config))) (ternary "existingSecret" "" (ne .Values.existingSecret "")) (ternary "existingConfigMap" "" (ne .Values.existingConfigMap ""))) }}
{{- if gt (len $sources) 1 }}
{{- fail (printf "%s are set: the configuration is one of them" (join " and " $sources)) }}
{{- end }}
{{- $config := include "packetboat.said" . | fromYaml }}
{{- if and (eq .Values.mode "watch") (gt (int .Values.watch.replicas) 1) (hasKey $config "leaderElection") (not (dig "leaderElection" "enabled" false $config)) }}
{{- fail "watch.replicas is more than 1 and leaderElection of the configuration is not enabled: enable it, leave it away, or set watch.replicas to 1" }}
{{- end }}
{{- end }}

{{/* Of what is in no namespace: two releases of the same name may be in two. */}}
{{- define "packetboat.clusterName" -}}
{{ .Release.Namespace }}-{{ include "packetboat.fullname" . }}
{{- end }}
