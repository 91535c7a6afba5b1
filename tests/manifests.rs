//! The manifests in deploy/kubernetes fit together, and fit the images. Whether they are Kubernetes', `./dev package --test` asks its schemas.

use keyfob_tests::tree;

fn manifests() -> Vec<(String, String)> {
    let files = tree::files("deploy/kubernetes", &[".yaml"]);
    files.into_iter().map(|file| (file.clone(), tree::read(&file))).collect()
}

/// What stands behind this key, wherever it is; remarks taken away.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("- "));
    let values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    values.map(|value| value.split(" #").next().unwrap_or_default().trim()).collect()
}

fn keys() -> String {
    tree::read("deploy/kubernetes/keys.yaml")
}

#[test]
fn each_object_says_what_it_is_and_where_and_is_indented_by_two() {
    assert!(manifests().len() >= 4);
    for (file, text) in manifests() {
        for object in text.split("\n---\n") {
            for key in ["apiVersion: ", "kind: ", "metadata:", "  name: ", "  namespace: keyfob"] {
                let count = object.lines().filter(|line| line.starts_with(key)).count();
                assert_eq!(count, 1, "{file}: {key}");
            }
        }
        for line in text.lines() {
            let indentation = line.len() - line.trim_start().len();
            assert!(indentation % 2 == 0 && !line.contains('\t'), "{file}: {line:?}");
            assert_eq!(line.trim_end(), line, "{file}");
        }
    }
}

#[test]
fn the_secret_is_the_one_that_people_are_told_to_make() {
    let command = "kubectl --namespace keyfob create secret generic keyfob-token --from-file token";
    assert!(keys().contains(command) && tree::read("docs/farm.md").contains(command));
    for (file, text) in manifests() {
        let secrets = values(&text, "secretName");
        assert!(secrets.iter().all(|name| *name == "keyfob-token"), "{file}: {secrets:?}");
    }
    let monitor = tree::read("deploy/kubernetes/service-monitor.yaml");
    assert!(monitor.contains("          name: keyfob-token\n          key: token\n"), "{monitor}");
}

#[test]
fn ports_are_those_of_the_image_and_named_as_they_are_used() {
    let keys = keys();
    assert_eq!(values(&keys, "containerPort"), ["3240", "8080"]);
    assert!(tree::read("packaging/containers/serve.Containerfile").contains("EXPOSE 3240\n"));
    assert!(keys.contains(r#""--http", "0.0.0.0:8080", "--http-expose""#));
    let named = ["usbip", "http", "3240", "8080"];
    let used = ["port", "targetPort"].map(|key| values(&keys, key)).concat();
    assert!(used.iter().all(|port| named.contains(port)), "{used:?}");
}

#[test]
fn each_image_has_a_version_and_ours_has_this_one_and_a_containerfile() {
    let manifest = tree::read("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    let version = version.expect("the workspace's").trim_matches('"');
    for (file, text) in manifests() {
        for image in values(&text, "image") {
            let (name, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{file}: {image}"));
            assert_ne!(tag, "latest", "{file}");
            let Some(name) = name.strip_prefix("registry.example/keyfob-") else { continue };
            assert_eq!(tag, version, "{file}: {image}");
            let recipe = format!("packaging/containers/{name}.Containerfile");
            assert!(tree::root().join(&recipe).exists(), "{file} names {image}: no {recipe}");
        }
        assert_eq!(values(&text, "memory").len(), 2 * values(&text, "image").len(), "{file}");
    }
}

#[test]
fn whoever_uses_keys_wears_the_label_that_the_network_lets_in() {
    let label = "keyfob-client: \"true\"";
    assert!(keys().contains(label));
    for (file, text) in manifests() {
        if text.contains("keyfob-0.keyfob") && !file.ends_with("/keys.yaml") {
            assert!(text.contains(label), "{file}");
        }
    }
}
