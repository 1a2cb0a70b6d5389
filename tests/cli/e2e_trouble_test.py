#!/usr/bin/env python3
"""The command `troupe` over a real cluster: full disks, ports in use, broken checkpoints, no data.

usage: e2e_trouble_test.py TROUPE [unittest options]
"""
import os
import shutil
import signal

from e2e_tools import CommandTestCase, main


class TroubleTest(CommandTestCase):
    def test_a_broken_checkpoint_falls_back_and_says_so(self):
        cluster = self.up("up", self.cluster_file(20000), "--run", self.run_folder)
        self.started(cluster)
        self.until("two checkpoints", lambda: len(self.checkpoints()) >= 2, cluster)
        cluster.process.send_signal(signal.SIGTERM)
        self.assertEqual(cluster.wait(), 130, cluster.text())
        newest = self.checkpoints()[-1]
        victim = next(os.path.join(newest, n) for n in sorted(os.listdir(newest)) if n.endswith(".safetensors"))
        with open(victim, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)[0]
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last ^ 1]))
        self.ask("generate", self.run_folder, "--count", "1")
        self.assertRegex(self.error, "passed over: .*altered")
        with open(victim, "r+b") as file:
            file.truncate(os.path.getsize(victim) // 2)
        self.ask("generate", self.run_folder, "--count", "1")
        self.assertRegex(self.error, "passed over: .*truncated")
        again = self.up("resume", self.run_folder)
        self.started(again)
        self.until("checkpoint_skipped", lambda: "checkpoint_skipped" in self.kinds(), again)
        again.process.send_signal(signal.SIGINT)
        self.assertEqual(again.wait(), 130, again.text())

    def test_two_clusters_on_one_port(self):
        cluster = self.up("up", self.cluster_file(10000000), "--run", self.run_folder)
        port = self.started(cluster)["port"]
        other = self.up("up", self.cluster_file(10, port=port, name="other.toml"), "--run",
                        os.path.join(self.folder, "other"))
        self.assertEqual(other.wait(), 2, other.text())
        self.assertIn(str(port), other.text())
        self.assertIn("error: ", other.text())
        config = self.cluster_file(10, port=port, name="other.toml")
        self.ask("up", config, "--detach", "--run", os.path.join(self.folder, "third"), code=2)
        self.assertIn(str(port), self.error)
        # the port of the metrics is told in the same words, with the same code
        port = self.control()["metrics_port"]
        config = self.cluster_file(10, metrics_port=port, name="other.toml")
        self.ask("up", config, "--run", os.path.join(self.folder, "fourth"), code=2)
        self.assertIn(f"cluster.metrics_port: error: the port is in use (given {port};", self.error)

    def test_a_run_folder_that_cannot_be_written(self):
        self.write("plain", "")
        self.ask("up", self.cluster_file(10), "--run", os.path.join(self.folder, "plain", "run"), code=1)
        self.assertIn("plain", self.error)

    def fill(self, path):
        """Writes until there is no room; unbuffered, so that nothing is left to be written at the close."""
        with self.assertRaises(OSError), open(path, "wb", buffering=0) as file:
            while True:
                file.write(b"b" * 4096)

    def test_a_run_folder_on_a_full_disk(self):
        disk = self.small_disk("disk", 65536)
        self.fill(os.path.join(disk, "ballast"))
        self.ask("up", self.cluster_file(10), "--run", os.path.join(disk, "run"), code=1)
        self.assertIn("No space left on device. Free some space or choose another folder", self.error)

    def test_a_disk_that_fills_up_costs_nothing_but_what_is_told(self):
        disk = self.small_disk("disk", 4 << 20)
        self.run_folder = os.path.join(disk, "run")
        cluster = self.up("up", self.cluster_file(10000000), "--run", self.run_folder)
        self.started(cluster)
        self.until("a checkpoint", self.checkpoints, cluster)
        ballast = os.path.join(disk, "ballast")
        self.fill(ballast)
        self.until("the warning", lambda: "No space left" in self.ask("logs", "gan", run=self.run_folder), cluster)
        self.assertIn(self.job()["state"], ("running", "waiting"))
        cluster.process.send_signal(signal.SIGINT)
        self.assertEqual(cluster.wait(), 130, cluster.text())
        self.assertIn("job gan failed: ", cluster.text())
        self.assertIn("the last checkpoint could not be written: ", cluster.text())
        os.remove(ballast)
        whole = self.checkpoints()
        self.assertTrue(whole)
        again = self.up("resume", self.run_folder)
        self.started(again)
        self.past_step(int(os.path.basename(whole[-1])[5:]), again)
        again.process.send_signal(signal.SIGINT)
        self.assertEqual(again.wait(), 130, again.text())
        self.assertNotIn("failed", again.text())
        with open(os.path.join(self.run_folder, "gan", "losses.csv")) as file:
            steps = [int(line.split(",")[0]) for line in file.readlines()[1:]]
        self.assertEqual(steps, list(range(len(steps))))

    def test_a_folder_without_data_fails_the_job_alone(self):
        for name in os.listdir(self.data):
            os.remove(os.path.join(self.data, name))
        cluster = self.up("up", self.cluster_file(10), "--run", self.run_folder)
        self.assertEqual(cluster.wait(), 1, cluster.text())
        self.assertIn("job gan failed: ", cluster.text())
        self.assertIn("holds no data", cluster.text())

    def test_a_command_to_a_cluster_that_died_says_so(self):
        cluster = self.up("up", self.cluster_file(0, jobs=False), "--run", self.run_folder)
        port = self.started(cluster)["port"]
        cluster.process.kill()
        cluster.wait()
        for target in (["--run", self.run_folder], ["--port", str(port)]):
            self.ask("jobs", *target, code=1)
            self.assertIn(f"127.0.0.1:{port}: error: no cluster answers there", self.error)

    def test_data_that_is_not_there_fails_the_job_alone(self):
        shutil.rmtree(self.data)
        cluster = self.up("up", self.cluster_file(10), "--run", self.run_folder)
        self.assertEqual(cluster.wait(), 1, cluster.text())
        self.assertIn("job gan failed: ", cluster.text())
        self.assertIn("pictures", cluster.text())


if __name__ == "__main__":
    main()
