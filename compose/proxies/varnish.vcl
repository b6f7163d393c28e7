# Varnish 7 in front of three replicas:
#   varnishd -a 127.0.0.1:8080 -f varnish.vcl -p pipe_timeout=60
# `pipe_timeout`: a replica sends at least a heartbeat every 15 s, so four missed ones mean that it is gone.
vcl 4.1;

import directors;

# /ready tells a replica that drains or lost Redis from one that serves; what it holds stays.
probe ready {
    .url = "/ready";
    .interval = 1s;
    .timeout = 2s;
    .window = 1;
    .threshold = 1;
    .initial = 1;
}

backend replica_1 { .host = "127.0.0.1"; .port = "8001"; .probe = ready; .connect_timeout = 2s; .first_byte_timeout = 60s; .between_bytes_timeout = 60s; }
backend replica_2 { .host = "127.0.0.1"; .port = "8002"; .probe = ready; .connect_timeout = 2s; .first_byte_timeout = 60s; .between_bytes_timeout = 60s; }
backend replica_3 { .host = "127.0.0.1"; .port = "8003"; .probe = ready; .connect_timeout = 2s; .first_byte_timeout = 60s; .between_bytes_timeout = 60s; }

sub vcl_init {
    new replicas = directors.round_robin();
    replicas.add_backend(replica_1);
    replicas.add_backend(replica_2);
    replicas.add_backend(replica_3);
}

sub vcl_recv {
    set req.backend_hint = replicas.backend();
    if (req.http.Upgrade ~ "(?i)websocket") {
        return (pipe);
    }
    # Nothing here may be answered from memory: a list is old with the next threat.
    return (pass);
}

sub vcl_pipe {
    set bereq.http.Upgrade = req.http.Upgrade;
    set bereq.http.Connection = "Upgrade";
    return (pipe);
}

sub vcl_backend_response {
    # Each event goes on at once, and nothing is kept.
    set beresp.do_stream = true;
    set beresp.uncacheable = true;
    return (deliver);
}

sub vcl_backend_error {
    set beresp.http.Retry-After = "1";
    # A browser's EventSource never comes back from an error status.
    if (bereq.url ~ "^/api/threats/stream(\?|$)") {
        set beresp.status = 200;
        set beresp.http.Content-Type = "text/event-stream";
        set beresp.http.Cache-Control = "no-store";
        synthetic("""retry: 2000

event: unavailable
data: {"type":"unavailable","detail":"no replica answers"}

""");
        return (deliver);
    }
    set beresp.http.Content-Type = "application/problem+json";
    synthetic("""{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"no replica answers"}""");
    return (deliver);
}
