#pragma once
// Every message and every typed actor interface of troupe, one comment each: here, what many actors share in
// protocol_shared.hpp, what concerns predictions in protocol_predict.hpp, other nodes in protocol_copies.hpp,
// and GPUs in protocol_gpu.hpp. Who spawns whom: tree.hpp.
//
// Messages are plain structs. Inside a process they carry tensors' owners by reference and never leave it
// (hence "unsafe" to CAF, which would otherwise want to serialise them); what crosses processes is JSON text,
// by the supervisor's last handler.
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/protocol_copies.hpp"
#include "actors/protocol_gpu.hpp"
#include "actors/protocol_predict.hpp"
#include "actors/protocol_shared.hpp"
#include "base/config.hpp"
#include "base/error.hpp"
#include "gpu/collective.hpp"
#include "gpu/cpu_slice.hpp"
#include "gpu/device_slice.hpp"
#include "ops/events.hpp"
#include "predict/ledger.hpp"
#include "train/checkpoint.hpp"
#include "train/program.hpp"
#include "train/step_loop.hpp"
#include "transport/control_words.hpp"

namespace troupe {

// ---- slice: a device's share; runs steps
struct EnterProgram {  // build the shard buffers of a phase, charged to the slice
  std::vector<int> cores;
  std::shared_ptr<Program> program;
  Moment moment;
};
struct RollBack {  // the step that failed, once no rank of this process touches it any more
  std::shared_ptr<Program> program;
};

// ---- all_reduce: the collective of one job on one device
struct FormGroup {  // a fresh group of so many ranks here; the old one is aborted
  int ranks = 1;
  std::optional<NodeGroupOptions> nodes;  // where ranks of other processes belong to it too
  std::vector<int> cores;                 // of all ranks here, then
};
struct Group {
  std::vector<std::shared_ptr<Collective>> ends;
  Outcome outcome;
};
struct AbortGroup {
  std::string reason;
};

// ---- loader: batches ahead of the step
struct LoadFrom {  // forget what was made, go on from this step to the end
  std::shared_ptr<Program> program;
  std::int64_t step = 0;
};

// ---- generator, discriminator: one network each
struct TakeSnapshot {  // at an edge: copy the state, to be written later
  std::int64_t step = 0;
};
struct WriteSnapshot {  // write the snapshot taken for this step into the folder
  std::int64_t step = 0;
  std::filesystem::path folder;
};
struct Written {
  Outcome outcome;
  std::string file;  // name inside the folder
};
struct Restore {
  std::filesystem::path folder;
  Moment moment;
};
struct MakeSamples {  // images of the moving average
  int count = 0;
  std::int64_t seed = 0;
  Moment moment;
};
struct Samples {
  std::vector<Image> images;
  Outcome outcome;
};

// ---- builder: opens the data and makes the program (blocks for seconds)
struct BuildProgram {
  ProgramContext context;
  ProgramFactory factory;  // empty: load context.job.plugin
};
struct Built {
  std::shared_ptr<Program> program;
  Outcome outcome;
};

// ---- checkpointer: whole or absent
struct BeginCheckpoint {
  std::int64_t step = 0;
};
struct CheckpointFolder {
  std::filesystem::path folder;
  Outcome outcome;
};
struct DiscardCheckpoint {  // one that was begun: a network could not write its file
  std::int64_t step = 0;
};
struct CommitCheckpoint {
  Manifest manifest;
  std::vector<std::string> files;
};
struct CheckpointWritten {
  std::filesystem::path folder;
  Bytes bytes;
  Outcome outcome;
};
struct FindCheckpoint {};
struct FoundCheckpoint {
  std::optional<CheckpointStore::Found> found;
  std::vector<Error> skipped;  // broken ones that were passed over
  Outcome outcome;             // an error other than "there is none"
};

// ---- recorder: events to journal, metrics, pictures
struct Events {
  std::vector<Event> events;
};
struct LossRows {  // every committed step's scores, for JOB/losses.csv
  std::string job;
  std::vector<StepStats> steps;
};
struct OpenLosses {  // a run goes on from `step`: rows at and after it are of steps that never happened
  std::string job;
  std::int64_t step = 0;
  bool fresh = true;  // leases noted before are of no copy that is still worth something
};
struct WritePicture {  // rows of images -> one PNG
  std::string job;
  std::filesystem::path file;
  std::vector<std::vector<Image>> rows;
  int cell = 64;
};
struct WriteImages {  // one PNG an image: PREFIX-0000.png …
  std::string job;
  std::filesystem::path folder;
  std::string prefix;
  std::vector<Image> images;
};
struct WriteResult {  // JOB/result.json: how the job ended
  std::string job, text;
};
struct KeepFile {  // written whole, in the place of what was there
  std::filesystem::path file;
  std::string text;
};
struct EventsAfter {
  std::int64_t after = 0;
  std::string job;  // empty: all
  int limit = 1000;
};
struct EventBatch {
  std::int64_t next = 0;
  std::vector<Event> events;
};
struct FlushRecords {};  // replies when all before it is on disk, or with why it is not
struct FinishRun {};     // timeline and summary

// ---- node: the devices of one machine
struct MakeSlice {
  std::string job;
  std::shared_ptr<Account> account;  // the slices of a job on one node share it, as they share its parameters
  std::shared_ptr<BusyMeter> meter;  // shown after every step
  bool of_gpu = false;               // it takes its share by TakeShare
};

// ---- supervisor <-> job
struct Assignment {  // supervisor -> job: exactly these grants from the next edge on; empty: park
  std::vector<Grant> grants;
  std::string reason;
  double decided_at = 0;  // clock seconds
};
struct Waiting {  // supervisor -> job: why it has what it has, in words
  std::string reason;
  int wanted_cores = 0;
};
struct DemandChanged {  // job -> supervisor; Assignments that follow were sent before the reply
  std::string job;
  Demand demand;
  Bytes held;
  int shards = 1;          // more cores than that are of no use
  double steps_left = -1;  // until its end, in steps of this phase; below 0: it can't tell
};
struct Applied {  // job -> supervisor: runs (or is parked) with these grants now
  std::string job;
  std::vector<Grant> grants;
  Bytes held;
};
struct LookAtPlane {};  // supervisor -> itself: what did the head's data plane refuse?
struct PlanDue {};      // supervisor -> itself: plan once for all that came before
enum class JobState { preparing, waiting, running, parked, finished, failed, stopped };
struct JobStatus {  // job -> supervisor, when something changed, at most ten times a second
  std::string job;
  JobState state = JobState::preparing;
  std::string reason;
  Moment moment;
  std::int64_t steps = 0;
  int images_per_step = 0;
  double step_seconds = 0;  // recent mean
  double remaining_seconds = -1;
  std::vector<Grant> grants;
  unsigned sms = 0;  // of a GPU, in force
  Bytes held, peak, budget;
  Prediction predicted;  // of the steps last told of, before they were run
  std::vector<Score> scores;
  struct PhaseRow {
    std::string name;
    Bytes peak, predicted;
    double seconds = 0;
    std::int64_t images = 0;
  };
  std::vector<PhaseRow> phases;
  std::int64_t resizes = 0;
  std::string checkpoint;  // the newest one's folder
  std::string hash;        // of all state, at the end
  std::optional<Error> error;
};
struct CheckpointDue {};  // job -> itself, by the clock
struct StopJob {};        // supervisor -> job: checkpoint at the next edge, then end
struct Stopped {
  std::int64_t step = 0;
  Outcome outcome;
};
struct Submit {
  JobConfig job;
  bool resume = false;
};

// ---- interfaces
/// Detached: owns the threads, or the share of a GPU, and computes. A CPU's takes no TakeShare: its cores
/// come with the work.
using slice_actor = caf::typed_actor<caf::replies_to<TakeShare>::with<ShareTaken>,  //
                                     caf::replies_to<Perform>::with<Outcome>,       //
                                     caf::replies_to<EnterProgram>::with<Outcome>,  //
                                     caf::replies_to<struct RunSteps>::with<SliceEnd>,
                                     caf::replies_to<RollBack>::with<Outcome>>;
/// Detached: owns one network's state; grows, snapshots, restores and samples it, none of which may run
/// during a step.
using replica_actor = caf::typed_actor<caf::replies_to<EnterPhase>::with<Outcome>,     //
                                       caf::replies_to<TakeSnapshot>::with<Outcome>,   //
                                       caf::replies_to<WriteSnapshot>::with<Written>,  //
                                       caf::replies_to<Restore>::with<Outcome>,        //
                                       caf::replies_to<MakeSamples>::with<Samples>,    //
                                       caf::replies_to<AskHash>::with<StateHash>>;
using generator_actor = replica_actor;
using discriminator_actor = replica_actor;
/// Event-based: the in-process back end blocks nobody but the slices that call it.
using all_reduce_actor = caf::typed_actor<caf::replies_to<FormGroup>::with<Group>,  //
                                          caf::reacts_to<AbortGroup>>;
/// Detached: reads and converts images; blocks while the queue is full.
using loader_actor = caf::typed_actor<caf::reacts_to<LoadFrom>>;
/// Detached: reads files.
using builder_actor = caf::typed_actor<caf::replies_to<BuildProgram>::with<Built>>;
/// Detached: syncs files.
using checkpointer_actor = caf::typed_actor<caf::replies_to<BeginCheckpoint>::with<CheckpointFolder>,    //
                                            caf::replies_to<DiscardCheckpoint>::with<Outcome>,           //
                                            caf::replies_to<CommitCheckpoint>::with<CheckpointWritten>,  //
                                            caf::replies_to<FindCheckpoint>::with<FoundCheckpoint>>;
/// Detached: writes files.
using recorder_actor = caf::typed_actor<caf::reacts_to<Events>,                          //
                                        caf::reacts_to<LossRows>,                        //
                                        caf::replies_to<OpenLosses>::with<Outcome>,      //
                                        caf::reacts_to<NoteLease>,                       //
                                        caf::replies_to<AskRecords>::with<Records>,      //
                                        caf::reacts_to<WritePicture>,                    //
                                        caf::reacts_to<WriteImages>,                     //
                                        caf::reacts_to<WriteResult>,                     //
                                        caf::reacts_to<KeepFile>,                        //
                                        caf::replies_to<EventsAfter>::with<EventBatch>,  //
                                        caf::replies_to<FlushRecords>::with<Outcome>,    //
                                        caf::replies_to<FinishRun>::with<Outcome>>;
/// Event-based: spawns the slices, loaders and all-reduce actors of its machine.
using node_actor = caf::typed_actor<caf::replies_to<MakeSlice>::with<slice_actor>,                  //
                                    caf::replies_to<struct MakeAllReduce>::with<all_reduce_actor>,  //
                                    caf::replies_to<struct MakeLoader>::with<loader_actor>>;
/// Event-based: the conductor of one job. A user's own job actor implements this interface.
using job_actor =
    caf::typed_actor<caf::reacts_to<Assignment>,     //
                     caf::reacts_to<Waiting>,        //
                     caf::reacts_to<StepsDone>,      //
                     caf::reacts_to<BuildProgress>,  //
                     caf::reacts_to<CheckpointDue>,  //
                     caf::reacts_to<NodeLost>,       //
                     caf::reacts_to<SilenceOver>,    //
                     caf::replies_to<LeaveNode>::with<Outcome>, caf::replies_to<StopJob>::with<Stopped>>;
/// Event-based. The last handler serves the verbs of cluster.hpp: (verb, JSON) -> JSON {"ok": …} or {"error":
/// …}.
using supervisor_actor =
    caf::typed_actor<caf::replies_to<Submit>::with<Outcome>,             //
                     caf::replies_to<DemandChanged>::with<Outcome>,      //
                     caf::reacts_to<Applied>,                            //
                     caf::reacts_to<JobStatus>,                          //
                     caf::reacts_to<PlanDue>,                            //
                     caf::reacts_to<LookAtPlane>,                        //
                     caf::replies_to<FindNode>::with<struct FoundNode>,  //
                     caf::replies_to<AwaitNode>::with<FoundNode>,        //
                     caf::reacts_to<NodeDown>,                           //
                     caf::reacts_to<NodeUnfit>,                          //
                     caf::replies_to<std::string, std::string>::with<std::string>,
                     caf::replies_to<join_word, std::string, caf::actor>::with<std::string>>;

// ---- messages that name actors
struct RunSteps {  // job -> slice: run this lease as this rank, on these cores from now on
  std::vector<int> cores;
  Lease lease;
  std::shared_ptr<Collective> collective;
  ShardRun run;
  steps_sink report_to;  // by the rank that leads its process
};
struct MakeAllReduce {
  std::string job;
};
struct MakeLoader {
  std::string job;
};

}  // namespace troupe

TROUPE_LOCAL(EnterProgram)
TROUPE_LOCAL(RollBack)
TROUPE_LOCAL(FormGroup)
TROUPE_LOCAL(Group)
TROUPE_LOCAL(AbortGroup)
TROUPE_LOCAL(LoadFrom)
TROUPE_LOCAL(TakeSnapshot)
TROUPE_LOCAL(WriteSnapshot)
TROUPE_LOCAL(Written)
TROUPE_LOCAL(Restore)
TROUPE_LOCAL(MakeSamples)
TROUPE_LOCAL(Samples)
TROUPE_LOCAL(BuildProgram)
TROUPE_LOCAL(Built)
TROUPE_LOCAL(BeginCheckpoint)
TROUPE_LOCAL(CheckpointFolder)
TROUPE_LOCAL(DiscardCheckpoint)
TROUPE_LOCAL(CommitCheckpoint)
TROUPE_LOCAL(CheckpointWritten)
TROUPE_LOCAL(FindCheckpoint)
TROUPE_LOCAL(FoundCheckpoint)
TROUPE_LOCAL(KeepFile)
TROUPE_LOCAL(Events)
TROUPE_LOCAL(LossRows)
TROUPE_LOCAL(OpenLosses)
TROUPE_LOCAL(WritePicture)
TROUPE_LOCAL(WriteImages)
TROUPE_LOCAL(WriteResult)
TROUPE_LOCAL(CheckpointDue)
TROUPE_LOCAL(EventsAfter)
TROUPE_LOCAL(EventBatch)
TROUPE_LOCAL(FlushRecords)
TROUPE_LOCAL(FinishRun)
TROUPE_LOCAL(MakeSlice)
TROUPE_LOCAL(Assignment)
TROUPE_LOCAL(Waiting)
TROUPE_LOCAL(DemandChanged)
TROUPE_LOCAL(Applied)
TROUPE_LOCAL(JobStatus)
TROUPE_LOCAL(PlanDue)
TROUPE_LOCAL(LookAtPlane)
TROUPE_LOCAL(StopJob)
TROUPE_LOCAL(Stopped)
TROUPE_LOCAL(Submit)
TROUPE_LOCAL(RunSteps)
TROUPE_LOCAL(MakeAllReduce)
TROUPE_LOCAL(MakeLoader)
