"""What the dashboards are made of: colours, value mappings and panels that mean the same in each of them."""

POSTGRES = {"type": "postgres", "uid": "quorate-postgres"}
PROMETHEUS = {"type": "prometheus", "uid": "quorate-prometheus"}

# Every word for a state, with its colour; the place in this list is its number in a strip.
STATES = [
    ("UNKNOWN", "#8E8E8E"), ("UP", "#56A64B"), ("SLOW", "#F2CC0C"), ("DEGRADED", "#FFB357"), ("AUTH", "#A352CC"),
    ("FAIL", "#E02F44"), ("MAINT", "#3274D9"), ("OK", "#56A64B"), ("P3", "#F2CC0C"), ("P2", "#FF780A"), ("P1", "#C4162A"),
    ("PENDING", "#B8B8B8"), ("UNCONFIRMED", "#B8B8B8"), ("LOW_VISIBILITY", "#8E8E8E"), ("BLIND", "#5A5A5A"),
    ("PAUSED", "#8AB8FF"), ("NEW", "#DEDEDE"),
]
COLOURS = dict(STATES)
GOOD, WARN, BAD = COLOURS["OK"], COLOURS["P3"], COLOURS["P1"]


def code(column):
    """SQL: a state's number in a strip."""
    return f"array_position(ARRAY[{', '.join(repr(name) for name, _ in STATES)}], {column})"


def step(column):
    """SQL: the start of the graph's step that a time falls into. As $__timeGroup, which counts in numerics and takes half as long again."""
    return f"date_bin($__interval_ms * interval '1 millisecond', {column}, timestamptz '2000-01-03 00:00Z')"


def _numbers():
    return [{"type": "value", "options": {str(number): {"text": name, "color": colour, "index": number}
                                          for number, (name, colour) in enumerate(STATES, 1)}}]


def words():
    return [{"type": "value", "options": {name: {"color": colour, "index": number} for number, (name, colour) in enumerate(STATES)}}]


def thresholds(*steps):
    """@param steps: (value, colour), the first value None."""
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for value, colour in steps]}


PLAIN = thresholds((None, "#5794F2"))


def of_name(name, **properties):
    """An override of the column or series of this name; `custom_x` stands for `custom.x`."""
    return {"matcher": {"id": "byName", "options": name},
            "properties": [{"id": key.replace("custom_", "custom.", 1), "value": value} for key, value in properties.items()]}


def colour(name, value):
    return of_name(name, color={"mode": "fixed", "fixedColor": value})


def state_column(name="state"):
    """A column of a table that shows states by their colour."""
    return of_name(name, mappings=words(), custom_cellOptions={"type": "color-background", "mode": "basic"})


def sql(text, ref="A", form="table"):
    text = "\n".join(line.strip() for line in text.strip().splitlines())
    return {"refId": ref, "datasource": POSTGRES, "editorMode": "code", "rawQuery": True, "format": form, "rawSql": text}


def prom(expr, legend, ref="A"):
    return {"refId": ref, "datasource": PROMETHEUS, "editorMode": "code", "expr": expr, "legendFormat": legend, "range": True, "instant": False}


def panel(kind, title, description, targets, size, unit="none", steps=PLAIN, overrides=(), options=None, custom=None, mappings=(),
          **more):
    """@param size: width of 24 and height; places are given by `dashboard`."""
    defaults = {"unit": unit, "thresholds": steps, "mappings": list(mappings), "color": {"mode": "thresholds"}}
    if kind in ("timeseries", "barchart"):
        defaults["color"] = {"mode": "palette-classic"}
    if custom:
        defaults["custom"] = custom
    more = {key: value for key, value in more.items() if key in ("interval", "maxDataPoints", "links", "timeFrom", "transformations")} | {
        "defaults": more.get("defaults", {})}
    defaults |= more.pop("defaults")
    targets = targets if isinstance(targets, list) else [targets]
    return {"type": kind, "title": title, "description": description, "datasource": targets[0]["datasource"], "targets": targets,
            "gridPos": {"w": size[0], "h": size[1]}, "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
            "options": options or {}, **more}


def stat(title, description, target, size=(4, 4), mode="value", **more):
    return panel("stat", title, description, target, size, options={
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "/.*/", "values": False}, "colorMode": mode, "graphMode": "none",
        "textMode": "auto", "justifyMode": "center", "orientation": "auto"}, **more)


def table(title, description, target, size, overrides=(), sort=None, **more):
    options = {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}}
    if sort:
        options["sortBy"] = [{"displayName": sort[0], "desc": sort[1]}]
    return panel("table", title, description, target, size, overrides=overrides, options=options,
                 custom={"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "filterable": True}, **more)


def strip(title, description, target, size, **more):
    """One row a series, coloured by the state's number."""
    return panel("state-timeline", title, description, target, size, mappings=_numbers(), custom={"fillOpacity": 85, "lineWidth": 0},
                 options={"mergeValues": True, "showValue": "never", "rowHeight": 0.85, "alignValue": "left",
                          "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}, "tooltip": {"mode": "single"}}, **more)


def series(title, description, targets, size, unit="none", stacked=False, bars=False, **more):
    custom = {"drawStyle": "bars" if bars else "line", "lineWidth": 1, "fillOpacity": 70 if stacked or bars else 8, "showPoints": "never",
              "spanNulls": False, "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
              "thresholdsStyle": {"mode": "line" if more.get("steps", PLAIN) is not PLAIN else "off"}}
    return panel("timeseries", title, description, targets, size, unit=unit, custom=custom, options={
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}, "tooltip": {"mode": "multi", "sort": "desc"}},
        **more)


def variable(name, label, query, multi=False, description=""):
    """A choice that Postgres gives."""
    chosen = {"text": ["All"], "value": ["$__all"]} if multi else {"text": "", "value": ""}
    return {"type": "query", "name": name, "label": label, "description": description, "datasource": POSTGRES, "query": query,
            "definition": query, "refresh": 2, "sort": 1, "multi": multi, "includeAll": multi, "current": chosen, "options": [], "hide": 0,
            "regex": "", "skipUrlSync": False}


def choice(name, label, values, chosen, description=""):
    options = [{"text": value, "value": value, "selected": value == chosen} for value in values]
    return {"type": "custom", "name": name, "label": label, "description": description, "query": ",".join(values), "multi": False,
            "includeAll": False, "current": {"text": chosen, "value": chosen}, "options": options, "hide": 0, "skipUrlSync": False}


TENANTS = variable("tenant", "Tenant", "SELECT DISTINCT tenant FROM dash.endpoint_status ORDER BY 1", multi=True,
                   description="Whose endpoints are shown.")


def annotation(name, colour_of, query):
    return {"name": name, "enable": True, "hide": False, "iconColor": colour_of, "datasource": POSTGRES,
            "target": {**sql(query, ref="Anno"), "limit": 500}}


_NAMES = {"fleet": "Fleet", "endpoint": "Endpoint", "incidents": "Incidents", "uptime": "Uptime", "service": "Service"}


def to_endpoint():
    """A link of a table's row to the page of its endpoint."""
    return [{"title": "Open this endpoint", "url": "/d/quorate-endpoint?var-tenant=${__data.fields.tenant}&var-endpoint=${__data.fields.endpoint}"
                                                   "&${__url_time_range}"}]


def dashboard(name, description, since, panels, variables=(), annotations=(), refresh="1m"):
    """Places panels in rows of 24 columns, in their order."""
    x = y = row = 0
    for number, each in enumerate(panels, 1):
        place = each["gridPos"]
        if x + place["w"] > 24:
            x, y, row = 0, y + row, 0
        place |= {"x": x, "y": y}
        x, row = x + place["w"], max(row, place["h"])
        each["id"] = number
    return {"uid": f"quorate-{name}", "title": f"Quorate: {_NAMES[name]}", "description": description, "tags": ["quorate"],
            "schemaVersion": 38, "version": 1, "editable": False, "graphTooltip": 1, "timezone": "utc", "refresh": refresh,
            "time": {"from": since, "to": "now"}, "timepicker": {"refresh_intervals": ["30s", "1m", "5m", "15m", "1h"]}, "weekStart": "",
            "fiscalYearStartMonth": 0, "liveNow": False, "style": "dark",
            "links": [{"type": "link", "title": title, "url": f"/d/quorate-{other}", "icon": "dashboard", "keepTime": False,
                       "includeVars": False, "targetBlank": False, "asDropdown": False, "tags": [], "tooltip": ""}
                      for other, title in _NAMES.items() if other != name],
            "templating": {"list": list(variables)}, "annotations": {"list": list(annotations)}, "panels": panels}
