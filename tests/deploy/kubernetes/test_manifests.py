"""Kubernetes manifests, containers and cloud-init: parsed, held against the rules of deploy/README.md, and their configurations given to
the daemons. No cluster and no Docker run here."""
import ipaddress
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from kustomize import containers, pod_spec, resolve

REPO = Path(__file__).resolve().parents[3]
BIN = Path(os.environ.get("QUORATE_BIN", REPO / "build/release/bin"))
KUBERNETES = REPO / "deploy/kubernetes"
CONTAINERS = REPO / "deploy/containers"
REGIONS = ["ap-south", "eu-west", "sa-east", "us-east", "us-west"]
HEALTH = {"agent": 9102, "coordinator": 9101, "archiver": 9103}
PROGRAM = {"agent": "agent", "coordinator": "coordinator", "archiver": "archiver", "migrate": "archiver"}
# Where files of secrets are mounted, or laid by cloud-init and the package.
MOUNTED = r"/etc/quorate(?:-[a-z]+)?/[a-z.-]+\.(?:pem|crt|key|password)|/etc/quorate-[a-z]+/password"


def sets():
    """{name: objects}: what one would apply."""
    found = {region: resolve(KUBERNETES / "overlays" / region) for region in REGIONS}
    found["core"] = resolve(KUBERNETES / "core")
    return found


def of_kind(objects, kind):
    return [each for each in objects if each["kind"] == kind]


def matches(selector, labels):
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


class CheckConfig:
    """Gives a configuration to a daemon, with files of secrets in a folder in place of those that a host would have."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="quorate-config-")
        path = Path(self.folder.name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path / "key", "-out",
                        path / "certificate", "-subj", "/CN=x"], check=True, stderr=subprocess.DEVNULL)
        (path / "password").write_text("secret\n")

    def stand_in(self, match):
        kind = "password" if match.group().endswith("password") else "key" if match.group().endswith(".key") else "certificate"
        return f"{self.folder.name}/{kind}"

    def __call__(self, daemon, text):
        """@return the exit status and what it says."""
        file = Path(self.folder.name) / "config.yaml"
        file.write_text(re.sub(MOUNTED, self.stand_in, text))
        done = subprocess.run([BIN / f"quorate-{daemon}", "--check-config", "--config", file], capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.check_config = CheckConfig()
        cls.addClassCleanup(cls.check_config.folder.cleanup)
        cls.sets = sets()

    def each_workload(self, kinds=("Deployment", "Job")):
        for name, objects in self.sets.items():
            for each in objects:
                if each["kind"] in kinds:
                    with self.subTest(set=name, workload=each["metadata"]["name"]):
                        yield objects, each

    def test_there_is_an_overlay_for_each_region_with_agents_of_its_own(self):
        self.assertEqual(REGIONS, sorted(path.name for path in (KUBERNETES / "overlays").iterdir()))
        for region in REGIONS:
            with self.subTest(region=region):
                deployment, = of_kind(self.sets[region], "Deployment")
                self.assertEqual(f"quorate-agent-{region}", deployment["metadata"]["name"])
                self.assertEqual(region, deployment["spec"]["template"]["metadata"]["labels"]["quorate/region"])
                config = yaml.safe_load(of_kind(self.sets[region], "ConfigMap")[0]["data"]["agent.yaml"])
                self.assertEqual((region, f"agent-{region}"), (config["region"], config["redis"]["user"]))

    def test_the_daemons_accept_the_configurations(self):
        for name, objects in self.sets.items():
            for config_map in of_kind(objects, "ConfigMap"):
                for file, text in config_map["data"].items():
                    with self.subTest(set=name, file=file):
                        pod = f"quorate-agent-{name}-7d9c5b8f66-x2x4q"
                        status, said = self.check_config(PROGRAM[file.removesuffix(".yaml")], text.replace("POD_NAME", pod))
                        self.assertEqual(0, status, said)

    def test_a_wrong_configuration_would_be_refused(self):
        text = of_kind(self.sets["eu-west"], "ConfigMap")[0]["data"]["agent.yaml"].replace("POD_NAME", "a")
        status, said = self.check_config("agent", text.replace("landmarks:", "landmark:"))
        self.assertEqual(1, status)
        self.assertIn("landmark", said)

    def test_what_is_mounted_is_what_the_configuration_reads(self):
        for objects, each in self.each_workload():
            mounts = {mount["mountPath"]: mount for container in pod_spec(each)["containers"] for mount in container["volumeMounts"]}
            volumes = {volume["name"]: volume for volume in pod_spec(each)["volumes"]}
            for mount in mounts.values():
                self.assertIn(mount["name"], volumes)
            config = next(text for config_map in of_kind(objects, "ConfigMap") for volume in volumes.values()
                          if volume.get("configMap", {}).get("name") == config_map["metadata"]["name"] for text in config_map["data"].values())
            for path in re.findall(MOUNTED, config):
                mount = mounts[str(Path(path).parent)]
                self.assertIn("secret", volumes[mount["name"]], path)
                self.assertTrue(mount["readOnly"])
            spool = yaml.safe_load(config).get("spool")
            if spool:
                self.assertTrue(any(spool["directory"].startswith(path) for path in mounts), spool)

    def test_nobody_is_root_or_can_become_it_and_no_root_can_be_written(self):
        for _, each in self.each_workload():
            pod = pod_spec(each)["securityContext"]
            self.assertTrue(pod["runAsNonRoot"])
            self.assertGreater(pod["runAsUser"], 9999)
            self.assertEqual("RuntimeDefault", pod["seccompProfile"]["type"])
            self.assertFalse(pod_spec(each)["automountServiceAccountToken"])
            for container in containers(each):
                closed = container["securityContext"]
                self.assertTrue(closed["readOnlyRootFilesystem"])
                self.assertFalse(closed["allowPrivilegeEscalation"])
                self.assertEqual(["ALL"], closed["capabilities"]["drop"])
                self.assertNotIn("privileged", closed)

    def test_every_container_says_what_it_needs_and_may_have(self):
        for _, each in self.each_workload():
            for container in containers(each):
                self.assertEqual({"cpu", "memory"}, set(container["resources"]["requests"]))
                self.assertIn("memory", container["resources"]["limits"])

    def test_daemons_are_asked_whether_they_live_and_are_ready(self):
        for objects, each in self.each_workload(("Deployment",)):
            container, = pod_spec(each)["containers"]
            port = next(port["containerPort"] for port in container["ports"] if port["name"] == "health")
            self.assertEqual(HEALTH[container["name"]], port)
            for probe, path in (("livenessProbe", "/livez"), ("startupProbe", "/livez"), ("readinessProbe", "/readyz")):
                self.assertEqual({"path": path, "port": "health"}, container[probe]["httpGet"])
            config = next(yaml.safe_load(text) for config_map in of_kind(objects, "ConfigMap") for name, text in config_map["data"].items()
                          if name == f"{container['name']}.yaml")
            self.assertEqual({"address": "0.0.0.0", "port": port}, config["health"])
            self.assertGreater(pod_spec(each)["terminationGracePeriodSeconds"], 20)

    def test_a_drained_node_leaves_one_of_each(self):
        for objects, each in self.each_workload(("Deployment",)):
            labels = each["spec"]["template"]["metadata"]["labels"]
            self.assertTrue(matches(each["spec"]["selector"], labels))
            budgets = [budget for budget in of_kind(objects, "PodDisruptionBudget") if matches(budget["spec"]["selector"], labels)]
            self.assertEqual([1], [budget["spec"]["minAvailable"] for budget in budgets])
            self.assertGreater(each["spec"]["replicas"], budgets[0]["spec"]["minAvailable"])

    def test_a_policy_closes_every_pod_and_lets_in_whom_it_must(self):
        for objects, each in self.each_workload():
            labels = each["spec"]["template"]["metadata"]["labels"]
            policy, = [policy for policy in of_kind(objects, "NetworkPolicy") if matches(policy["spec"]["podSelector"], labels)]
            self.assertEqual(["Ingress", "Egress"], policy["spec"]["policyTypes"])
            let_in = {port["port"] for rule in policy["spec"].get("ingress", []) for port in rule["ports"]}
            listens = {port["containerPort"] for container in pod_spec(each)["containers"] for port in container.get("ports", [])}
            self.assertEqual(listens, let_in)
            for rule in policy["spec"].get("ingress", []):
                self.assertTrue(rule["from"], "whoever is not named")

    def test_an_agent_reaches_nothing_private(self):
        for region in REGIONS:
            policy, = of_kind(self.sets[region], "NetworkPolicy")
            blocks = [to["ipBlock"] for rule in policy["spec"]["egress"] for to in rule["to"] if "ipBlock" in to]
            for private in ("10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "fd00::1", "fe80::1"):
                address = ipaddress.ip_address(private)
                reached = [block for block in blocks if address in ipaddress.ip_network(block["cidr"])
                           and not any(address in ipaddress.ip_network(closed) for closed in block["except"])]
                self.assertEqual([], reached, private)

    def test_every_pod_may_ask_for_the_names_in_its_config(self):
        for name, objects in self.sets.items():
            for policy in of_kind(objects, "NetworkPolicy"):
                with self.subTest(set=name, policy=policy["metadata"]["name"]):
                    asked = [port["port"] for rule in policy["spec"]["egress"] for to in rule.get("to", [])
                             if to.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name") == "kube-system"
                             for port in rule["ports"]]
                    self.assertEqual([53, 53], asked)

    def test_secrets_are_named_and_never_written_down(self):
        for name, objects in self.sets.items():
            with self.subTest(set=name):
                self.assertEqual([], of_kind(objects, "Secret"))
        named = {volume["secret"]["secretName"] for objects in self.sets.values() for each in objects if pod_spec(each)
                 for volume in pod_spec(each)["volumes"] if "secret" in volume}
        readme = (KUBERNETES / "README.md").read_text()
        for secret in named:
            self.assertIn(f"`{secret}`", readme)

    def test_images_have_a_version(self):
        for _, each in self.each_workload():
            for container in containers(each):
                self.assertRegex(container["image"], r"^registry\.example\.com/quorate-[a-z]+:\d+\.\d+\.\d+$")


def stages(text):
    """[(base, name, lines)] of a Dockerfile, continued lines joined."""
    found = []
    for line in re.sub(r"\\\n", " ", text).splitlines():
        match = re.fullmatch(r"FROM (\S+) AS (\S+)", line)
        if match:
            found.append((*match.groups(), []))
        elif found and line.strip():
            found[-1][2].append(line)
    return found


def installed(lines):
    text = next(line for line in lines if "apt-get install" in line)
    return set(re.search(r"--no-install-recommends\s+(.*?)\s+&&", text).group(1).split())


def packages_of(paths):
    """{path: the package that has it}, asked at once; /lib is a link to /usr/lib, and dpkg knows either name."""
    spellings = {spelling: path for path in paths for real in (path, os.path.realpath(path))
                 for spelling in (real, real.removeprefix("/usr"), "/usr" + real.removeprefix("/usr"))}
    done = subprocess.run(["dpkg-query", "-S", *spellings], capture_output=True, text=True, check=False)
    return {spellings[path]: package for package, path in re.findall(r"(?m)^([^:\s]+)(?::\w+)?: (/\S+)$", done.stdout)}


class Containers(unittest.TestCase):
    def setUp(self):
        self.stages = {name: (base, lines) for base, name, lines in stages((CONTAINERS / "Dockerfile").read_text())}
        self.compose = yaml.safe_load((CONTAINERS / "compose.yaml").read_text())

    def test_images_come_from_debian_slim_and_run_as_nobody_special(self):
        self.assertEqual({"build", "base", "coordinator", "archiver", "agent", "cli"}, set(self.stages))
        for name, (base, lines) in self.stages.items():
            self.assertEqual("debian:bookworm-slim" if name in ("build", "base") else "base", base)
            self.assertFalse([line for line in lines if line.startswith("ADD")])
        self.assertEqual("USER 10001:10001", self.stages["base"][1][-1])
        for name in ("coordinator", "archiver", "agent", "cli"):
            self.assertFalse([line for line in self.stages[name][1] if line.startswith("USER")])
            self.assertTrue([line for line in self.stages[name][1] if line.startswith('ENTRYPOINT ["/usr/local/bin/quorate')])

    def test_the_build_installs_what_dev_build_installs(self):
        lines = "\n".join(self.stages["build"][1])
        self.assertIn("COPY scripts/packages.sh /tmp/packages.sh", lines)
        self.assertIn('"${packages_build[@]}"', lines)
        done = subprocess.run(["bash", "-euc", f'. {REPO}/scripts/packages.sh; echo "${{packages_build[@]}}"'], capture_output=True, text=True, check=True)
        self.assertIn("cmake", done.stdout.split())

    def test_the_image_has_every_library_that_the_programs_name(self):
        have = installed(self.stages["base"][1]) | {"libc6", "libgcc-s1", "libstdc++6"}  # these come with others
        programs = [BIN / name for name in ("quorate", "quorate-coordinator", "quorate-agent", "quorate-archiver")]
        needed, paths = set(), {}
        for program in programs:
            names = re.findall(r"NEEDED\s+(\S+)", subprocess.run(["objdump", "-p", program], capture_output=True, text=True, check=True).stdout)
            self.assertTrue(names, program)
            needed |= set(names)
            paths |= re.findall(r"(\S+) => (\S+)", subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout)
        packages = packages_of({paths[name] for name in needed})
        for name in sorted(needed):
            with self.subTest(library=name):
                self.assertIn(packages[paths[name]], have)

    def test_compose_closes_our_containers(self):
        for name, service in self.compose["services"].items():
            if "build" not in service:
                continue
            with self.subTest(service=name):
                self.assertTrue(service["read_only"])
                self.assertEqual(["ALL"], service["cap_drop"])
                self.assertIn("no-new-privileges:true", service["security_opt"])
                self.assertIn(service["build"]["target"], self.stages)
                self.assertTrue((CONTAINERS / service["build"]["context"] / service["build"]["dockerfile"]).exists())
                self.assertNotIn("ports", service, "nothing is published")
                if name != "pgpass":  # which gives a file to another user, and has nothing else to do
                    self.assertEqual("10001:10001", service["user"])

    def test_compose_waits_for_its_stores_and_names_what_there_is(self):
        services = self.compose["services"]
        for name, service in services.items():
            for other, condition in service.get("depends_on", {}).items():
                self.assertIn(other, services)
                if condition["condition"] == "service_healthy":
                    self.assertIn("healthcheck", services[other])
            for network in service.get("networks", []):
                self.assertIn(network, self.compose["networks"])
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                self.assertTrue(source in self.compose["volumes"] or (CONTAINERS / source).exists(), f"{name}: {volume}")
            for secret in service.get("secrets", []):
                self.assertIn(secret, self.compose["secrets"])
        self.assertIn("noeviction", services["redis"]["command"])

    def test_the_daemons_accept_the_configurations_of_compose(self):
        check = CheckConfig()
        self.addCleanup(check.folder.cleanup)
        for path in sorted((CONTAINERS / "config").glob("*.yaml")):
            with self.subTest(file=path.name):
                status, said = check(PROGRAM[path.stem], path.read_text())
                self.assertEqual(0, status, said)
                self.assertTrue(any(f"./config/{path.name}:" in volume for service in self.compose["services"].values()
                                    for volume in service.get("volumes", [])))


class CloudInit(unittest.TestCase):
    def setUp(self):
        self.text = (REPO / "deploy/cloud-init/agent.yaml").read_text()
        self.config = yaml.safe_load(self.text)

    def test_it_is_cloud_config(self):
        self.assertTrue(self.text.startswith("#cloud-config\n"))
        for file in self.config["write_files"]:
            self.assertRegex(file["path"], "^/etc/")
            self.assertRegex(file.get("permissions", "0644"), r"^0[0-7]{3}$")
        for command in self.config["runcmd"]:
            self.assertTrue(all(isinstance(word, str) for word in command), command)

    def test_nobody_logs_in_by_a_password_and_root_not_at_all(self):
        self.assertIs(False, self.config["ssh_pwauth"])
        self.assertIs(True, self.config["disable_root"])
        self.assertTrue(all(user["lock_passwd"] for user in self.config["users"]))

    def test_the_agent_accepts_its_configuration(self):
        files = {file["path"]: file for file in self.config["write_files"]}
        check = CheckConfig()
        self.addCleanup(check.folder.cleanup)
        text = files["/etc/quorate/agent.yaml"]["content"]
        for path in re.findall(MOUNTED, text):
            self.assertIn(path, files)
        status, said = check("agent", text.replace("REGION", "eu-west"))
        self.assertEqual(0, status, said)

    def test_what_is_to_be_filled_in_is_in_capitals_and_explained(self):
        readme = (REPO / "deploy/cloud-init/README.md").read_text()
        for word in set(re.findall(r"\b[A-Z][A-Z0-9]+(?:-[A-Z0-9]+)+\b|\bREGION\b", self.text)) - {"REGION-1"}:
            self.assertIn(f"`{word}`", readme)

    def test_the_package_is_verified_before_it_is_installed(self):
        install = next(command for command in self.config["runcmd"] if "apt-get install" in command[-1])
        self.assertRegex(install[-1], r"sha256sum --check && apt-get install")


if __name__ == "__main__":
    unittest.main()
