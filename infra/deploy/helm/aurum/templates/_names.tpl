{{- define "aurum.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "aurum.labels" -}}
app.kubernetes.io/name: aurum
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "aurum.image" -}}
{{- $repository := required "image.repository: where your image is" .repository -}}
{{- if .digest -}}
{{ $repository }}@{{ .digest }}
{{- else -}}
{{ $repository }}:{{ required "image.tag or image.digest: which image" .tag }}
{{- end -}}
{{- end }}

{{/* What every pod of ours is allowed: nothing beyond running. */}}
{{- define "aurum.pod" -}}
serviceAccountName: {{ include "aurum.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Of an image: `image` of the values, or that of a build. */}}
{{- define "aurum.container" -}}
image: {{ include "aurum.image" . }}
imagePullPolicy: {{ .pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "aurum.environment" -}}
- name: AURUM_ENVIRONMENT
  value: production
- name: AURUM_SIGNING_KEY_FILE
  value: /run/secrets/aurum/signing_key.pem
- name: AURUM_AUDIT_ANCHOR_FILE
  value: /var/lib/aurum/anchors/heads.jsonl
- name: AURUM_BANK_OUTBOX
  value: /var/lib/aurum/bank/outbox
- name: AURUM_BANK_INBOX
  value: /var/lib/aurum/bank/inbox
- name: AURUM_SANCTIONS_DIR
  value: /tmp/lists
- name: AURUM_WORKER_READY_FILE
  value: /run/aurum/worker.ready
- name: AURUM_WORKER_METRICS_ADDRESS
  value: 0.0.0.0:9464
- name: AURUM_WORKER_SDK_METRICS_ADDRESS
  value: 0.0.0.0:9465
- name: AURUM_API_SDK_METRICS_ADDRESS
  value: 0.0.0.0:9465
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ required (printf "settings.%s is empty" $name) $value | quote }}
{{- end }}
{{- range .Values.secretVariables }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $.Values.existingSecret }}, key: {{ . }}}}
{{- end }}
{{- end }}

{{- define "aurum.mounts" -}}
- {name: memory, mountPath: /tmp, subPath: tmp}
- {name: memory, mountPath: /run/aurum, subPath: run}
- {name: signing-key, mountPath: /run/secrets/aurum, readOnly: true}
{{- if .Values.certificatesSecret }}
- {name: certificates, mountPath: /run/secrets/certificates, readOnly: true}
{{- end }}
{{- end }}

{{- define "aurum.volumes" -}}
- name: memory
  emptyDir: {medium: Memory, sizeLimit: 512Mi}
- name: signing-key
  secret:
    secretName: {{ .Values.existingSecret }}
    defaultMode: 0440
    items: [{key: signing_key.pem, path: signing_key.pem}]
{{- with .Values.certificatesSecret }}
- name: certificates
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end }}
