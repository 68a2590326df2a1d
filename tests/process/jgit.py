"""jgit, as Debian has it, with a machine of Java that is quick to start: most of a command is its start."""
import glob

from gate import *

# no second compiler, no threads of a collector, no file for who looks on
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"
# Debian's jgit names too few of its own libraries
JARS = "org.eclipse.jgit*", "httpclient", "httpcore", "commons-logging", "commons-codec"


def environment():
    """For the command jgit; ImportError when there is none."""
    java = shutil.which("java")
    if not java or not shutil.which("jgit"):
        raise ImportError("no jgit, or no java")
    home = path("java")
    if not os.path.isdir(home):
        os.makedirs(os.path.join(home, "bin"))
        put_script(os.path.join(home, "bin", "java"), 'exec %s %s "$@"' % (java, QUICK))
    return {**ENV, "JAVA_HOME": home, "JGIT_CLASSPATH": ":".join(sum((glob.glob("/usr/share/java/%s.jar" % j) for j in JARS), []))}
