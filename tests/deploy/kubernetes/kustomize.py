"""Resolves the few things of kustomize that deploy/kubernetes uses, and refuses the others: kustomize is not in Debian.

The order is kustomize's: resources, generators, nameSuffix, namespace, labels, images; references to what was renamed follow."""
import copy

import yaml

_KEYS = {"apiVersion", "kind", "namespace", "resources", "nameSuffix", "labels", "configMapGenerator", "images"}
# kustomize names a generated ConfigMap by a hash of what it holds, so that pods are replaced when it changes.
HASH = "-0123456789"


def resolve(folder):
    """@return the objects of an overlay or base, as `kubectl kustomize` would print them."""
    text = yaml.safe_load((folder / "kustomization.yaml").read_text())
    unknown = set(text) - _KEYS
    if unknown:
        raise AssertionError(f"{folder.name}/kustomization.yaml: {sorted(unknown)} is nothing that this test can resolve")
    objects = []
    for resource in text.get("resources", []):
        path = folder / resource
        if path.is_dir():
            objects += resolve(path)
        else:
            objects += [each for each in yaml.safe_load_all(path.read_text()) if each is not None]
    objects = copy.deepcopy(objects)  # anchors of YAML are the same object
    renamed = {}
    for generator in text.get("configMapGenerator", []):
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator["name"] + HASH},
                        "data": dict(_file(folder, entry) for entry in generator["files"])})
        renamed["ConfigMap", generator["name"]] = generator["name"] + HASH
    suffix = text.get("nameSuffix", "")
    for each in objects:
        name = each["metadata"]["name"]
        if each["kind"] == "ConfigMap" and name.endswith(HASH):
            each["metadata"]["name"] = name.removesuffix(HASH) + suffix + HASH
            renamed["ConfigMap", name.removesuffix(HASH)] = each["metadata"]["name"]
        else:
            each["metadata"]["name"] = renamed[each["kind"], name] = name + suffix
        each["metadata"]["namespace"] = text["namespace"]
    for each in objects:
        _follow(each, renamed)
        for labels in text.get("labels", []):
            _label(each, labels)
        for image in text.get("images", []):
            _set_image(each, image)
    return objects


def _file(folder, entry):
    key, _, path = entry.rpartition("=")
    path = folder / path
    return key or path.name, path.read_text()


def pod_spec(each):
    return each.get("spec", {}).get("template", {}).get("spec")


def containers(each):
    spec = pod_spec(each) or {}
    return spec.get("initContainers", []) + spec.get("containers", [])


def _follow(each, renamed):
    spec = pod_spec(each)
    if spec is None:
        return
    for volume in spec.get("volumes", []):
        if "configMap" in volume:
            name = volume["configMap"]["name"]
            volume["configMap"]["name"] = renamed.get(("ConfigMap", name), name)
    account = spec.get("serviceAccountName")
    spec["serviceAccountName"] = renamed.get(("ServiceAccount", account), account)


def _label(each, labels):
    each["metadata"].setdefault("labels", {}).update(labels["pairs"])
    spec = each.get("spec", {})
    if labels.get("includeSelectors"):
        for selector in ("selector", "podSelector"):
            if selector in spec:
                spec[selector].setdefault("matchLabels", {}).update(labels["pairs"])
        for constraint in (pod_spec(each) or {}).get("topologySpreadConstraints", []):
            constraint["labelSelector"]["matchLabels"].update(labels["pairs"])
    if labels.get("includeTemplates") and "template" in spec:
        spec["template"]["metadata"]["labels"].update(labels["pairs"])


def _set_image(each, image):
    for container in containers(each):
        if container["image"] == image["name"]:
            container["image"] = f"{image['newName']}:{image['newTag']}"
